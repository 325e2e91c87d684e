import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = resolve(fileURLToPath(new URL('../..', import.meta.url)));
const CONFIG = '.dependency-cruiser.cjs';

/** A file that breaks no rule, though it imports what most may not. */
const ALLOWED = 'packages/fsck/src/door.ts';

/** A workspace in small: for each rule one file that breaks it, and what that file imports. */
const PLANTED: Readonly<Record<string, string>> = {
  'tsconfig.json':
    '{ "compilerOptions": { "module": "nodenext", "allowImportingTsExtensions": true, "noEmit": true } }',
  'package.json': '{ "name": "planted", "type": "module", "dependencies": { "nats": "1", "postgres": "1" } }',
  'node_modules/nats/package.json': '{ "name": "nats", "main": "index.js" }',
  'node_modules/nats/index.js': 'export const connect = 1;',
  'node_modules/postgres/package.json': '{ "name": "postgres", "main": "index.js" }',
  'node_modules/postgres/index.js': 'export const connect = 1;',
  // not-resolvable
  'packages/kernel/src/nowhere.ts': "import './not-there.ts';",
  // no-circular
  'packages/kernel/src/one.ts': "import { two } from './two.ts'; export const one = () => two;",
  'packages/kernel/src/two.ts': "import { one } from './one.ts'; export const two = () => one;",
  // domain-is-pure
  'services/cert/src/domain/impure.ts': "import { readFileSync } from 'node:fs'; export const impure = readFileSync;",
  // application-looks-inward
  'services/cert/src/application/outward.ts':
    "import { store } from '../infrastructure/store.ts'; export const outward = store;",
  'services/cert/src/infrastructure/store.ts': 'export const store = 1;',
  // infrastructure-not-delivery
  'services/cert/src/infrastructure/caller.ts':
    "import { handler } from '../delivery/handler.ts'; export const caller = handler;",
  'services/cert/src/delivery/handler.ts': 'export const handler = 1;',
  // delivery-not-infrastructure
  'services/cert/src/delivery/shortcut.ts':
    "import { store } from '../infrastructure/store.ts'; export const shortcut = store;",
  // services-are-apart
  'services/audit/src/infrastructure/neighbour.ts':
    "import { store } from '../../../cert/src/infrastructure/store.ts'; export const neighbour = store;",
  // packages-not-services
  'packages/rpc/src/user.ts':
    "import { store } from '../../../services/cert/src/infrastructure/store.ts'; export const user = store;",
  // fsck-by-doors, beside what it allows
  'packages/fsck/src/inside.ts':
    "import { store } from '../../../services/cert/src/infrastructure/store.ts'; export const inside = store;",
  [ALLOWED]: "import { store } from '../../../services/cert/src/fsck.ts'; export const door = store;",
  'services/cert/src/fsck.ts': "export { store } from './infrastructure/store.ts';",
  // nats-only-in-messaging, postgres-only-in-db
  'packages/outbox/src/drivers.ts':
    "import { connect } from 'nats'; import { connect as open } from 'postgres'; export const drivers = [connect, open];",
  // production-not-tests
  'services/cert/src/infrastructure/faked.ts': "import { fake } from '../testing/fake.ts'; export const faked = fake;",
  'services/cert/src/testing/fake.ts': 'export const fake = 1;',
  // pure-packages
  'packages/merkle/src/impure.ts': "import { readFileSync } from 'node:fs'; export const impure = readFileSync;",
  // package-is-listed
  'packages/unlisted/src/index.ts': "import { one } from '../../kernel/src/one.ts'; export const unlisted = one;",
};

interface Rule {
  readonly name: string;
}

const rules: readonly Rule[] = createRequire(import.meta.url)(join(ROOT, CONFIG)).forbidden;

/** Every package imports one that it may not: itself is allowed, so a package that only the cli would import is taken. */
const packageRules = rules.map(({ name }) => name).filter((name) => /^package-(?!is-listed)/.test(name));

describe('each dependency rule', () => {
  const workspace = mkdtempSync(join(tmpdir(), 'cert-tasks-planted-'));
  let broken: ReadonlySet<string>;
  let breakers: ReadonlySet<string>;

  beforeAll(() => {
    const files = { ...PLANTED };
    for (const rule of packageRules) {
      const name = rule.slice('package-'.length);
      const target = name === 'unlisted' ? 'kernel' : 'unlisted';
      Object.assign(files, {
        [`packages/${name}/src/reach.ts`]: `import { unlisted } from '../../${target}/src/index.ts'; export const reach = unlisted;`,
      });
    }
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(workspace, path)), { recursive: true });
      writeFileSync(join(workspace, path), `${content}\n`);
    }
    copyFileSync(join(ROOT, CONFIG), join(workspace, CONFIG));
    const run = spawnSync(
      join(ROOT, 'node_modules/.bin/depcruise'),
      ['--config', CONFIG, '--output-type', 'json', 'packages', 'services'],
      { cwd: workspace, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 },
    );
    const report: { summary: { violations: { rule: { name: string }; from: string }[] } } = JSON.parse(run.stdout);
    broken = new Set(report.summary.violations.map(({ rule }) => rule.name));
    breakers = new Set(report.summary.violations.map(({ from }) => from));
  });

  afterAll(() => rmSync(workspace, { recursive: true, force: true }));

  it.each(rules.map(({ name }) => name))('%s finds its planted violation', (name) => {
    expect(broken).toContain(name);
  });

  it('lets fsck in by the doors of services', () => {
    expect(breakers).toContain('packages/fsck/src/inside.ts');
    expect(breakers).not.toContain(ALLOWED);
  });
});
