import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    // As many as a small machine has cores: the tests wait for processes and leases as much as they compute.
    maxWorkers: 2,
    projects: [
      {
        // Pure code: no network, no database, no process.
        test: {
          name: 'unit',
          include: ['packages/*/src/**/*.test.ts', 'services/*/src/**/*.test.ts', 'test/conformance/**/*.test.ts'],
        },
      },
      {
        // One part on the real PostgreSQL, NATS and processes.
        test: {
          name: 'int',
          include: ['packages/*/test/**/*.int.test.ts', 'services/*/test/**/*.int.test.ts'],
          globalSetup: ['packages/testkit/src/global-setup.ts'],
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        // The whole platform as its users run it: six processes for each file.
        test: {
          name: 'e2e',
          include: ['test/**/*.e2e.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
