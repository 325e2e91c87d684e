import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { StackError } from '../stack-error.ts';

const execFileAsync = promisify(execFile);

/** Tried in this order. */
const CANDIDATES = ['postgres', '_postgres', 'nobody'] as const;

/** A user without rights of its own, for programs that refuse to run as root. */
export interface UnprivilegedUser {
  readonly name: string;
  /** Unsigned 32-bit ids. */
  readonly uid: number;
  readonly gid: number;
}

/**
 * The user that programs which refuse root run as; undefined when this process is not root.
 *
 * @throws StackError 'data-unreachable' when the machine has none of the usual ones.
 */
export async function unprivilegedUser(): Promise<UnprivilegedUser | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const entries = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  for (const name of CANDIDATES) {
    const entry = entries.find(([login]) => login === name);
    if (entry === undefined) continue;
    return { name, uid: Number(entry[2]) >>> 0, gid: Number(entry[3]) >>> 0 };
  }
  throw new StackError(
    'data-unreachable',
    `PostgreSQL does not run as root, and there is no user ${CANDIDATES.join(' or ')}. Create one, or start as another user.`,
  );
}

/** Runs a short command as the user (as this process when undefined). Returns whether it exited with 0. */
export async function succeedsAs(
  user: UnprivilegedUser | undefined,
  command: readonly [string, ...string[]],
): Promise<boolean> {
  const [file, ...args] = command;
  try {
    await execFileAsync(file, args, { cwd: '/', timeout: 60_000, ...asUser(user) });
    return true;
  } catch {
    return false;
  }
}

function asUser(user: UnprivilegedUser | undefined): { uid?: number; gid?: number } {
  return user === undefined ? {} : { uid: user.uid | 0, gid: user.gid | 0 };
}
