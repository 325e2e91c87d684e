import { defineConfig } from 'vitest/config';

/** Tests against programs of others that the registry does not bring (openssl, curl, ...). They fail where one is missing. */
export default defineConfig({
  test: {
    name: 'referees',
    include: ['test/referees/**/*.referee.test.ts', 'packages/*/test/**/*.referee.test.ts'],
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
