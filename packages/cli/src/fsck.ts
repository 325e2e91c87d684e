import { join } from 'node:path';
import { fsck } from '@cert-tasks/fsck';
import { Home, homePath, PostgresServer, readPlatformFile, StackError } from '@cert-tasks/stack';
import { CliError } from './cli-error.ts';
import { printLines } from './output.ts';

const DATABASE = 'cert_tasks';
/** Nobody carries on what was under way when a platform stopped, however long ago: its next start does. Sixty years. */
const STOPPED_SETTLE_SECONDS = 2_000_000_000;

/** Checks a platform and prints a line for each breach. Returns the exit code: 0 where all holds, 1 where something does not. */
export async function runFsck(options: {
  readonly databaseUrl?: string;
  /** Undefined: 0 where the platform runs; where it is stopped, what was under way at its end is left out. */
  readonly settleSeconds?: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}): Promise<number> {
  const { settleSeconds } = options;
  if (settleSeconds !== undefined && !/^[0-9]{1,9}$/.test(settleSeconds)) {
    throw new CliError('wrong-argument', '--settle-seconds takes a whole number of at most nine digits.');
  }
  const breaches = await onDatabase(options, ({ databaseUrl, isStopped }) =>
    fsck({
      databaseUrl,
      settleSeconds: Number(settleSeconds ?? (isStopped ? STOPPED_SETTLE_SECONDS : 0)),
      onCheck: say,
    }),
  );
  printLines(breaches.map(({ invariant, subject, detail }) => `BREACH  ${invariant}  ${subject}  ${detail}`));
  printLines([
    breaches.length === 0 ? 'all invariants hold' : `${breaches.length} breach${breaches.length === 1 ? '' : 'es'}`,
  ]);
  return breaches.length === 0 ? 0 : 1;
}

/** What is checked. */
interface Target {
  readonly databaseUrl: string;
  readonly isStopped: boolean;
}

/** The database named, that of the running platform, or that of the stopped one, whose PostgreSQL runs meanwhile. */
async function onDatabase<T>(
  { databaseUrl, env }: { readonly databaseUrl?: string; readonly env: Readonly<Record<string, string | undefined>> },
  run: (target: Target) => Promise<T>,
): Promise<T> {
  if (databaseUrl !== undefined) return run({ databaseUrl, isStopped: false });
  const running = await readPlatformFile(homePath(env));
  if (running !== undefined) {
    const home = await openStopped(env);
    if (home === undefined) return run({ databaseUrl: running.databaseUrl, isStopped: false });
    return onStopped(home, run);
  }
  const home = await Home.open(homePath(env));
  return onStopped(home, run);
}

/** The home, where nobody holds it: a platform that was killed leaves its description behind. */
async function openStopped(env: Readonly<Record<string, string | undefined>>): Promise<Home | undefined> {
  try {
    return await Home.open(homePath(env));
  } catch (error) {
    if (error instanceof StackError && error.code === 'home-in-use') return undefined;
    throw error;
  }
}

async function onStopped<T>(home: Home, run: (target: Target) => Promise<T>): Promise<T> {
  const postgres = new PostgresServer({
    directory: await home.directory('postgres'),
    password: await home.secret('postgres-admin'),
    logFile: join(await home.directory('logs'), 'postgres.log'),
    notify: say,
  });
  try {
    say('the platform is stopped; starting its PostgreSQL for the check');
    await postgres.start();
    const url = new URL(postgres.adminUrl);
    url.pathname = `/${DATABASE}`;
    return await run({ databaseUrl: url.href, isStopped: true });
  } finally {
    await postgres.stop();
    home.close();
  }
}

function say(line: string): void {
  process.stderr.write(`cert-tasks: ${line}\n`);
}
