import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { chmod, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { tryFileLock } from './processes/file-lock.mjs';
import { StackError } from './stack-error.ts';

const REPOSITORY = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');
const SECRETS_FILE = 'secrets.json';
/** A secret made here: 32 random bytes, base64url. */
const SECRET_BYTES = 32;

/** Where the development platform keeps its data: CERT_TASKS_HOME, else `.cert-tasks` in the repository. Absolute. */
export function homePath(env: Readonly<Record<string, string | undefined>>): string {
  const given = env['CERT_TASKS_HOME'];
  return given === undefined || given === '' ? join(REPOSITORY, '.cert-tasks') : resolve(given);
}

/**
 * The folder of one development platform, held by this process until `close`. Another process is refused it meanwhile.
 *
 * Secrets are in `secrets.json`, mode 0600. The folder is private to its user; root's can be passed through (0711), because
 * PostgreSQL runs as another user inside it and nothing else in it is readable.
 */
export class Home {
  readonly path: string;
  readonly #release: () => void;
  readonly #secrets: Map<string, string>;

  private constructor(options: { path: string; release: () => void; secrets: Map<string, string> }) {
    this.path = options.path;
    this.#release = options.release;
    this.#secrets = options.secrets;
  }

  /**
   * Makes the folder when it is missing and takes it.
   *
   * @throws StackError 'home-in-use' when another process has it, 'home-unusable' when it cannot be written or its
   *   secrets cannot be read.
   */
  static async open(path: string): Promise<Home> {
    const lock = await lockHome(path);
    if (!lock.acquired) {
      throw new StackError(
        'home-in-use',
        `${path} is in use by process ${lock.holderPid}. Stop that one, or set CERT_TASKS_HOME to another folder.`,
      );
    }
    try {
      return new Home({ path, release: lock.release, secrets: await readSecrets(join(path, SECRETS_FILE)) });
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /** A folder inside, made when it is missing, private to the user. */
  async directory(name: string): Promise<string> {
    const path = join(this.path, name);
    await mkdir(path, { recursive: true, mode: directoryMode() });
    return path;
  }

  /**
   * The secret of this name, made and written durably at first use (256 bits, base64url).
   *
   * @throws StackError 'home-unusable' when it cannot be written.
   */
  async secret(name: string): Promise<string> {
    const known = this.#secrets.get(name);
    if (known !== undefined) return known;
    const made = randomBytes(SECRET_BYTES).toString('base64url');
    this.#secrets.set(name, made);
    const text = `${JSON.stringify(Object.fromEntries(this.#secrets), undefined, 2)}\n`;
    try {
      await writeFileAtomic({ path: join(this.path, SECRETS_FILE), content: text, mode: 0o600 });
    } catch (cause) {
      this.#secrets.delete(name);
      throw unusable(this.path, cause);
    }
    return made;
  }

  /** Gives the folder up. Idempotent. */
  close(): void {
    this.#release();
  }
}

/**
 * Writes a file so that after a crash it has its old content or its new one, never a part: temporary file, fsync, rename,
 * fsync of the folder.
 *
 * @throws the file system's error.
 */
export async function writeFileAtomic(options: {
  path: string;
  content: string | Uint8Array;
  /** Permission bits, such as 0o600. */
  mode: number;
}): Promise<void> {
  const directory = dirname(options.path);
  const draft = join(directory, `.${basename(options.path)}.${process.pid}.${randomBytes(6).toString('hex')}`);
  try {
    const file = await open(draft, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, options.mode);
    try {
      // The creation mode is narrowed by the umask.
      await file.chmod(options.mode);
      await file.writeFile(options.content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, options.path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function lockHome(path: string): ReturnType<typeof tryFileLock> {
  try {
    await mkdir(path, { recursive: true, mode: directoryMode() });
    await chmod(path, directoryMode());
    return await tryFileLock(join(path, 'lock'));
  } catch (cause) {
    throw unusable(path, cause);
  }
}

async function readSecrets(path: string): Promise<Map<string, string>> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
    if (((await stat(path)).mode & 0o077) !== 0) await chmod(path, 0o600);
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return new Map();
    throw unusable(dirname(path), cause);
  }
  const secrets = parseSecrets(text);
  if (secrets === undefined) {
    throw new StackError(
      'home-unusable',
      `${path} is damaged. Put it back from a copy; without it the data beside it cannot be opened.`,
    );
  }
  return secrets;
}

function parseSecrets(text: string): Map<string, string> | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const secrets = new Map<string, string>();
  for (const [name, secret] of Object.entries(value)) {
    if (typeof secret !== 'string' || secret === '') return undefined;
    secrets.set(name, secret);
  }
  return secrets;
}

function directoryMode(): number {
  return process.getuid?.() === 0 ? 0o711 : 0o700;
}

function unusable(path: string, cause: unknown): StackError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new StackError(
    'home-unusable',
    `${path} cannot be used (${reason}). Set CERT_TASKS_HOME to a folder that can be written.`,
    { cause },
  );
}
