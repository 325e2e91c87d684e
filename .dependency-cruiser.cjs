/**
 * The walls of the code base (docs/adr, and DESIGN's "inside a service"): dependencies point inward. Each rule is proved by a planted violation in
 * test/conformance/dependency-rules.test.ts.
 */
const layer = (name) => `^services/([^/]+)/src/${name}/`;
const pkg = (...names) => `^packages/(${names.join('|')})/`;

/** What a package may import of the workspace. A package that is not listed fails the rule "package-is-listed". */
const packageImports = {
  kernel: [],
  contracts: [],
  x509: [],
  merkle: [],
  failpoint: ['kernel'],
  config: ['kernel'],
  lifecycle: ['kernel'],
  telemetry: ['kernel', 'config', 'lifecycle'],
  rpc: ['kernel', 'lifecycle', 'telemetry', 'contracts'],
  db: ['kernel', 'lifecycle', 'telemetry'],
  idempotency: ['kernel', 'db', 'lifecycle', 'telemetry'],
  outbox: ['kernel', 'failpoint', 'lifecycle', 'telemetry', 'db', 'contracts', 'rpc'],
  messaging: ['kernel', 'lifecycle', 'telemetry', 'contracts', 'outbox'],
  worker: ['kernel', 'lifecycle', 'telemetry', 'rpc', 'contracts', 'failpoint'],
  host: ['kernel', 'config', 'lifecycle', 'telemetry', 'rpc', 'db', 'outbox', 'messaging', 'idempotency', 'contracts'],
  stack: ['kernel', 'config', 'lifecycle', 'telemetry', 'x509', 'rpc', 'contracts', 'db', 'failpoint'],
  fsck: ['kernel', 'db', 'x509', 'merkle', 'contracts'],
  cli: [
    'kernel',
    'config',
    'lifecycle',
    'telemetry',
    'x509',
    'merkle',
    'rpc',
    'contracts',
    'stack',
    'fsck',
    'failpoint',
  ],
  testkit: [
    'kernel',
    'config',
    'lifecycle',
    'telemetry',
    'x509',
    'rpc',
    'contracts',
    'db',
    'stack',
    'failpoint',
    'messaging',
    'outbox',
  ],
};

const test = '\\.(test|int\\.test|contract|e2e\\.test)\\.ts$|/test/|/testing/';

module.exports = {
  forbidden: [
    {
      name: 'not-resolvable',
      comment: 'An import that does not resolve satisfies every other rule in silence.',
      severity: 'error',
      from: { path: '^(packages|services|test)/' },
      to: { couldNotResolve: true },
    },
    {
      name: 'no-circular',
      comment: 'A cycle means that two files are one.',
      severity: 'error',
      from: { path: '^(packages|services)/', pathNot: '/gen/' },
      to: { circular: true, viaOnly: { pathNot: '/gen/' } },
    },
    {
      name: 'domain-is-pure',
      comment: 'Domain code is plain data and pure functions: no I/O, no clock, no SQL, no contracts, no Node modules.',
      severity: 'error',
      from: { path: layer('domain'), pathNot: test },
      to: { pathNot: [layer('domain').replace('([^/]+)', '$1'), pkg('kernel', 'x509', 'merkle')] },
    },
    {
      name: 'application-looks-inward',
      comment: 'Use cases know the domain, their own ports and pure packages.',
      severity: 'error',
      from: { path: layer('application'), pathNot: test },
      to: { pathNot: ['^services/$1/src/(application|domain)/', pkg('kernel', 'x509', 'merkle', 'failpoint')] },
    },
    {
      name: 'infrastructure-not-delivery',
      comment: 'Adapters serve ports; they do not know who calls.',
      severity: 'error',
      from: { path: layer('infrastructure'), pathNot: test },
      to: { path: ['^services/$1/src/delivery/', '^services/$1/src/(app|server|config)\\.ts$'] },
    },
    {
      name: 'delivery-not-infrastructure',
      comment: 'Handlers call use cases; only app.ts wires adapters.',
      severity: 'error',
      from: { path: layer('delivery'), pathNot: test },
      to: { path: ['^services/$1/src/infrastructure/', '^services/$1/src/(app|server|config)\\.ts$'] },
    },
    {
      name: 'services-are-apart',
      comment: 'Services talk through contracts and events, never through code.',
      severity: 'error',
      from: { path: '^services/([^/]+)/' },
      to: { path: '^services/', pathNot: '^services/$1/' },
    },
    {
      name: 'packages-not-services',
      comment: 'Shared code does not know its users.',
      severity: 'error',
      from: { path: '^packages/' },
      to: { path: '^services/' },
    },
    {
      name: 'nats-only-in-messaging',
      comment: 'The move to the next NATS client is one package’s work.',
      severity: 'error',
      from: { path: '^(packages|services)/', pathNot: ['^packages/messaging/', test] },
      to: { path: 'node_modules/(nats|@nats-io)(/|$)' },
    },
    {
      name: 'postgres-only-in-db',
      comment: 'Connections are made in one place, with their limits.',
      severity: 'error',
      from: { path: '^(packages|services)/', pathNot: [pkg('db', 'stack', 'testkit', 'fsck'), test] },
      to: { path: 'node_modules/postgres(/|$)', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'production-not-tests',
      comment: 'Fixtures and fakes stay out of what runs.',
      severity: 'error',
      from: { path: '^(packages|services)/', pathNot: [test, pkg('testkit')] },
      to: { path: [test, pkg('testkit')], pathNot: 'node_modules' },
    },
    {
      name: 'pure-packages',
      comment: 'x509 and merkle are published alone: Node’s own crypto and nothing else.',
      severity: 'error',
      from: { path: '^packages/(x509|merkle)/src/', pathNot: test },
      to: { pathNot: ['^packages/$1/src/', '^(node:)?crypto$'] },
    },
    {
      name: 'package-is-listed',
      comment: 'A new package states here what it may import.',
      severity: 'error',
      from: { path: '^packages/', pathNot: pkg(...Object.keys(packageImports)) },
      to: {},
    },
    ...Object.entries(packageImports).map(([name, allowed]) => ({
      name: `package-${name}`,
      comment: `packages/${name} may import ${allowed.length ? allowed.join(', ') : 'no other package'}.`,
      severity: 'error',
      from: { path: `^packages/${name}/src/`, pathNot: test },
      to: { path: '^packages/', pathNot: pkg(name, ...allowed) },
    })),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '/(dist|migrations)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'types', 'default'],
      extensions: ['.ts', '.js', '.d.ts'],
    },
  },
};
