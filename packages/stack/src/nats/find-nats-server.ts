import { access, chmod, constants, copyFile, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';
import { StackError } from '../stack-error.ts';
import { unpackDebianPackage } from './debian-package.ts';
import { downloadOfficialRelease, type NatsSourceOptions } from './official-release.ts';
import { run } from './run-command.ts';

const PROGRAM = 'nats-server';
/** The oldest server that has what the platform uses. */
const OLDEST_VERSION = [2, 9] as const;
const SYSTEM_FOLDERS = ['/usr/sbin', '/usr/local/sbin'] as const;
const VERSION_TIMEOUT_MS = 10_000;

/** How NATS is reached: a running server, or a program to start. */
export type FoundNats =
  | { readonly kind: 'running'; readonly url: string }
  | { readonly kind: 'program'; readonly executable: string; readonly version: string };

/** Brings nats-server into the work directory and returns its path there, or throws with a reason. */
export type NatsSource = (options: NatsSourceOptions) => Promise<string>;

/** Where nats-server comes from when the machine has none, in this order. */
const SOURCES: readonly NatsSource[] = [(options) => downloadOfficialRelease(options), unpackDebianPackage];

/**
 * Finds NATS: NATS_URL, else nats-server on PATH, else in the cache, else the official release or the distribution's
 * package, brought into the cache without a change of the system.
 *
 * @throws StackError 'binary-missing' in one line with the reasons and the choices.
 */
export async function findNats(options: {
  env: Readonly<Record<string, string | undefined>>;
  /** Kept between starts, such as {@link userCacheDirectory}. Made when something is brought. */
  cacheDirectory: string;
  notify: (line: string) => void;
  /** Where to bring it from, in order; default the official release, then the distribution's package. */
  sources?: readonly NatsSource[];
  /** Folders looked through after PATH; default where Debian puts it, which is not on every user's PATH. */
  systemFolders?: readonly string[];
}): Promise<FoundNats> {
  const url = options.env['NATS_URL'];
  if (url !== undefined && url !== '') return { kind: 'running', url: checkedUrl(url) };

  const cached = join(options.cacheDirectory, PROGRAM);
  const folders = [...(options.env['PATH'] ?? '').split(delimiter), ...(options.systemFolders ?? SYSTEM_FOLDERS)];
  for (const folder of new Set([...folders.filter(isAbsolute), options.cacheDirectory])) {
    const candidate = join(folder, PROGRAM);
    const version = await versionOf(candidate);
    if (version === undefined) continue;
    if (isNewEnough(version)) return { kind: 'program', executable: candidate, version };
    options.notify(`${candidate} is version ${version}, too old: ${OLDEST_VERSION.join('.')} or newer is needed`);
  }

  const reasons = await bringIntoCache({ ...options, cached, sources: options.sources ?? SOURCES });
  const version = reasons.length === 0 ? await versionOf(cached) : undefined;
  if (version !== undefined) return { kind: 'program', executable: cached, version };
  throw new StackError(
    'binary-missing',
    `nats-server is missing and could not be brought (${reasons.join('; ')}). Put nats-server ${OLDEST_VERSION.join('.')} or newer on PATH (apt install nats-server, brew install nats-server, or https://github.com/nats-io/nats-server/releases), or set NATS_URL to a running server.`,
  );
}

/** The user's cache folder for this project, by the custom of the platform; undefined where the user has no home. */
export function userCacheDirectory(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const xdg = env['XDG_CACHE_HOME'];
  if (xdg !== undefined && isAbsolute(xdg)) return join(xdg, 'cert-tasks');
  const home = env['HOME'] ?? homedir();
  if (!isAbsolute(home) || home === '/') return undefined;
  return join(home, process.platform === 'darwin' ? 'Library/Caches' : '.cache', 'cert-tasks');
}

/** Returns why each source failed; nothing when one did not. */
async function bringIntoCache(options: {
  cacheDirectory: string;
  cached: string;
  notify: (line: string) => void;
  sources: readonly NatsSource[];
}): Promise<readonly string[]> {
  const reasons: string[] = [];
  await mkdir(options.cacheDirectory, { recursive: true, mode: 0o700 });
  const workDirectory = await mkdtemp(join(options.cacheDirectory, 'work-'));
  try {
    for (const source of options.sources) {
      try {
        const brought = await source({ workDirectory, notify: options.notify });
        const version = await versionOf(brought);
        if (version === undefined || !isNewEnough(version)) throw new Error(`${brought} does not run or is too old`);
        // The program appears in the cache whole or not at all.
        const draft = join(workDirectory, PROGRAM);
        await copyFile(brought, draft);
        await chmod(draft, 0o755);
        await rename(draft, options.cached);
        options.notify(`nats-server: version ${version} is in ${options.cacheDirectory}`);
        return [];
      } catch (error) {
        reasons.push(error instanceof Error ? error.message : String(error));
      }
    }
    return reasons;
  } finally {
    await rm(workDirectory, { recursive: true, force: true });
  }
}

async function versionOf(executable: string): Promise<string | undefined> {
  try {
    await access(executable, constants.X_OK);
    const output = await run({ command: executable, args: ['--version'], timeoutMs: VERSION_TIMEOUT_MS });
    return /^nats-server: v([0-9]+\.[0-9]+\.[0-9]+\S*)/.exec(output)?.[1];
  } catch {
    return undefined;
  }
}

function isNewEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > OLDEST_VERSION[0] || (major === OLDEST_VERSION[0] && minor >= OLDEST_VERSION[1]);
}

function checkedUrl(url: string): string {
  if (!URL.canParse(url) || !['nats:', 'tls:'].includes(new URL(url).protocol)) {
    throw new StackError(
      'binary-missing',
      'NATS_URL is not the URL of a NATS server (nats://host:port or tls://host:port).',
    );
  }
  return url;
}
