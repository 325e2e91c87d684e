import { randomBytes } from 'node:crypto';
import { chown, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeExit, GuardedProcess } from '../processes/guarded-process.ts';
import type { LogFile } from '../processes/log-file.ts';
import { succeedsAs, type UnprivilegedUser } from '../processes/unprivileged-user.ts';
import { StackError } from '../stack-error.ts';
import type { PostgresBinaries } from './binaries.ts';

/** Name of the superuser of every cluster made here. */
export const ADMIN_USER = 'postgres';
/** Inside a template: the password of the superuser in it. Throw-away clusters only. */
const TEMPLATE_PASSWORD_FILE = 'cert-tasks-password';
const STOP_GRACE_MS = 5_000;
/** initdb takes a second or two. */
const DRAFT_LIFETIME_MS = 10 * 60_000;

/** What making a cluster needs. */
export interface ClusterOptions {
  readonly binaries: PostgresBinaries;
  /** The data directory; its parent belongs to the user. */
  readonly dataDirectory: string;
  readonly user: UnprivilegedUser | undefined;
  readonly log: LogFile;
}

/**
 * Makes an empty cluster with one superuser. It appears under its name in one step: an abort leaves no half of one.
 *
 * @throws StackError 'start-failed' with initdb's last words.
 */
export async function createCluster(options: ClusterOptions & { password: string; durable: boolean }): Promise<void> {
  const draft = await emptyDraft(options.dataDirectory, options.user);
  await runInitdb({ ...options, draft });
  await rename(draft, options.dataDirectory);
}

/**
 * Makes a throw-away cluster as a copy of a template, which is made at first use. Returns the superuser's password, the
 * template's. Not synced to disk.
 *
 * @throws StackError 'start-failed' when the template cannot be made or copied.
 */
export async function copyTemplateCluster(options: ClusterOptions & { templateDirectory: string }): Promise<string> {
  const template = join(options.templateDirectory, `postgres-${options.binaries.version}`);
  const password = (await readTemplatePassword(template)) ?? (await createTemplate({ ...options, template }));
  const draft = `${options.dataDirectory}.new`;
  await rm(draft, { recursive: true, force: true });
  if (!(await succeedsAs(options.user, ['cp', '-Rp', template, draft]))) {
    throw new StackError('start-failed', `${template} could not be copied to ${draft}. Is the disk full?`);
  }
  await rename(draft, options.dataDirectory);
  return password;
}

/**
 * Refuses data that another major version wrote. Returns whether there are data at all.
 *
 * @throws StackError 'data-newer' or 'data-older'.
 */
export async function checkClusterVersion(options: { dataDirectory: string; major: number }): Promise<boolean> {
  const text = await readFile(join(options.dataDirectory, 'PG_VERSION'), 'utf8').catch(() => undefined);
  if (text === undefined) return false;
  const found = Number.parseInt(text, 10);
  if (found === options.major) return true;
  const facts = `The data in ${options.dataDirectory} were written by PostgreSQL ${text.trim()}; this version brings PostgreSQL ${options.major}.`;
  if (found > options.major) {
    throw new StackError(
      'data-newer',
      `${facts} Use the newer version of cert-tasks, or set CERT_TASKS_HOME to another folder.`,
    );
  }
  throw new StackError(
    'data-older',
    `${facts} Dump them with the old version and load them here, or set CERT_TASKS_HOME to another folder.`,
  );
}

async function createTemplate(
  options: ClusterOptions & { templateDirectory: string; template: string },
): Promise<string> {
  const password = randomBytes(16).toString('hex');
  // Several processes may make it at once; the first rename wins and the others use what it left.
  await removeOldDrafts(options.templateDirectory);
  const draft = await emptyDraft(`${options.template}.${randomBytes(6).toString('hex')}`, options.user);
  await runInitdb({ ...options, draft, password, durable: false });
  const passwordFile = join(draft, TEMPLATE_PASSWORD_FILE);
  await writeFile(passwordFile, password, { mode: 0o600 });
  if (options.user !== undefined) await chown(passwordFile, options.user.uid, options.user.gid);
  try {
    await rename(draft, options.template);
    return password;
  } catch (cause) {
    await rm(draft, { recursive: true, force: true });
    const winner = await readTemplatePassword(options.template);
    if (winner !== undefined) return winner;
    throw new StackError('start-failed', `${options.template} is damaged. Delete it and start again.`, { cause });
  }
}

/** What makers of a template left that were killed on the way. */
async function removeOldDrafts(templateDirectory: string): Promise<void> {
  for (const name of await readdir(templateDirectory)) {
    const path = join(templateDirectory, name);
    const found = /\.new(\.password)?$/.test(name) ? await stat(path).catch(() => undefined) : undefined;
    if (found === undefined || Date.now() - found.mtimeMs < DRAFT_LIFETIME_MS) continue;
    await rm(path, { recursive: true, force: true });
  }
}

async function readTemplatePassword(template: string): Promise<string | undefined> {
  return await readFile(join(template, TEMPLATE_PASSWORD_FILE), 'utf8').catch(() => undefined);
}

async function emptyDraft(path: string, user: UnprivilegedUser | undefined): Promise<string> {
  const draft = `${path}.new`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { mode: 0o700 });
  if (user !== undefined) await chown(draft, user.uid, user.gid);
  return draft;
}

async function runInitdb(
  options: ClusterOptions & { draft: string; password: string; durable: boolean },
): Promise<void> {
  const passwordFile = `${options.draft}.password`;
  // One that a killed start left may belong to the other user.
  await rm(passwordFile, { force: true });
  try {
    await writeFile(passwordFile, `${options.password}\n`, { mode: 0o600 });
    if (options.user !== undefined) await chown(passwordFile, options.user.uid, options.user.gid);
    const initdb = await GuardedProcess.start({
      name: 'initdb',
      command: options.binaries.initdb,
      args: [
        `--pgdata=${options.draft}`,
        `--username=${ADMIN_USER}`,
        `--pwfile=${passwordFile}`,
        '--auth-host=scram-sha-256',
        '--auth-local=reject',
        '--encoding=UTF8',
        '--locale-provider=builtin',
        '--builtin-locale=C.UTF-8',
        '--locale=C',
        '--no-instructions',
        ...(options.durable ? [] : ['--no-sync']),
      ],
      env: { LC_ALL: 'C', TZ: 'UTC', PATH: '/usr/bin:/bin' },
      logDescriptor: options.log.descriptor,
      stopSignal: 'SIGTERM',
      stopGraceMs: STOP_GRACE_MS,
      user: options.user,
    });
    const exit = await initdb.exited;
    if ('signal' in exit || exit.code !== 0) {
      throw new StackError(
        'start-failed',
        `initdb ended ${describeExit(exit)}: ${options.log.lastLines(3).join(' | ')}`,
      );
    }
  } finally {
    await rm(passwordFile, { force: true });
  }
}
