import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fsck } from '@cert-tasks/fsck';
import { firstRun, freePorts, Home, Platform } from '@cert-tasks/stack';
import { Command } from 'commander';
import { CliError } from '../cli-error.ts';
import { Story } from './story.ts';
import { writeEvidence } from './write-evidence.ts';

const PROJECT = 'demo';
const TOKEN_LIFETIME_SECONDS = 3600;

interface DemoOptions {
  readonly out?: string;
  readonly nats: boolean;
}

/** Tells the life of one certificate on a platform of its own, each step verified before it is told: what `npm run demo` does. */
async function main(options: DemoOptions): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'cert-tasks-demo-'));
  // Root's PostgreSQL runs as another user, who must be able to pass through.
  await chmod(folder, 0o711);
  const home = await Home.open(join(folder, 'home'));
  const platform = new Platform({
    home,
    ports: await freePorts(),
    env: process.env,
    notify: (line) => tell(line),
    withNats: options.nats,
  });
  const interrupted = stopSignal();
  let held = false;
  try {
    tell(`a platform of its own in ${home.path}${options.nats ? '' : ', without NATS'}`);
    await Promise.race([platform.start(), interrupted]);
    await Promise.race([run({ platform, home, options }), interrupted, unexpectedEnd(platform)]);
    held = true;
  } catch (error) {
    tell(`the services' logs are in ${join(home.path, 'logs')}`);
    throw error;
  } finally {
    await platform.stop();
    home.close();
    if (held) await rm(folder, { recursive: true, force: true });
  }
}

async function run(input: { platform: Platform; home: Home; options: DemoOptions }): Promise<void> {
  const { platform, home, options } = input;
  const { urls } = platform;
  const admin = platform.issuer.mint(
    { subject: 'demo-admin', kind: 'admin', roles: { '*': ['admin'] }, lifetimeSeconds: TOKEN_LIFETIME_SECONDS },
    new Date(),
  );
  const operator = platform.issuer.mint(
    {
      subject: 'demo-operator',
      kind: 'user',
      roles: { [PROJECT]: ['operator', 'auditor'] },
      lifetimeSeconds: TOKEN_LIFETIME_SECONDS,
    },
    new Date(),
  );
  const made = await firstRun({ certUrl: urls.cert, adminToken: admin, project: PROJECT, directory: home.path });
  tell(`made ${made.root} and ${made.issuer}`);

  const story = new Story({ project: PROJECT, urls, token: operator, tell });
  try {
    const evidence = await story.run();
    const breaches = await fsck({
      databaseUrl: platform.databaseUrl,
      settleSeconds: 5,
      onCheck: () => undefined,
    });
    for (const { invariant, subject, detail } of breaches) tell(`BREACH ${invariant}: ${subject}: ${detail}`);
    if (breaches.length > 0) throw new CliError('not-verified', `fsck found ${breaches.length} breaches.`);
    tell('fsck: every invariant holds across all services');
    if (options.out !== undefined) {
      const written = await writeEvidence(resolve(options.out), evidence);
      tell(`written to ${resolve(options.out)}: ${written.join(', ')}`);
    }
  } finally {
    story.close();
  }
}

async function unexpectedEnd(platform: Platform): Promise<never> {
  throw new CliError('not-verified', await platform.broken);
}

function stopSignal(): Promise<never> {
  return new Promise((_resolve, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.once(signal, () => reject(new CliError('not-verified', `ended by ${signal}`)));
    }
  });
}

function tell(line: string): void {
  process.stdout.write(`demo: ${line}\n`);
}

const program = new Command('demo')
  .description('tell the life of one certificate, each step verified')
  .option(
    '--out <directory>',
    'where root.pem, chain.pem, leaf.pem, renewed.pem, crl.pem, checkpoint.txt and audit-events.json go',
  )
  .option('--no-nats', 'run without NATS: everything by polling')
  .action(async (options: DemoOptions) => {
    try {
      await main(options);
    } catch (error) {
      process.stderr.write(`demo: FAILED: ${error instanceof Error ? error.message : String(error)}\n`);
      process.exitCode = 1;
    }
  });
await program.parseAsync(process.argv);
