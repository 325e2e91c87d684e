import { createHash } from 'node:crypto';
import { chown, mkdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { succeedsAs, type UnprivilegedUser } from '../processes/unprivileged-user.ts';
import { StackError } from '../stack-error.ts';

/**
 * A folder that the user can write: the wanted one, made when it is missing and given to the user; else, where a folder
 * above it shuts the user out, one of its own in `sharedRoot`, named after the wanted one.
 *
 * @throws StackError 'data-unreachable' when the wanted one holds data already but shuts the user out, or when neither
 *   can be written.
 */
export async function reachableDirectory(options: {
  wanted: string;
  user: UnprivilegedUser | undefined;
  sharedRoot: string;
  notify: (line: string) => void;
}): Promise<string> {
  const { wanted, user } = options;
  if (await prepare(wanted, user)) return wanted;
  if (user === undefined) {
    throw new StackError('data-unreachable', `${wanted} cannot be written. Set CERT_TASKS_HOME to a folder that can.`);
  }
  if (await holdsData(wanted)) {
    throw new StackError(
      'data-unreachable',
      `${wanted} holds data, but PostgreSQL runs as user ${user.name}, who cannot reach it. Let ${user.name} pass the folders above it (chmod o+x).`,
    );
  }
  const digest = createHash('sha256').update(wanted).digest('hex').slice(0, 16);
  const replacement = join(
    options.sharedRoot,
    `${basename(dirname(wanted)).replace(/^\.+/, '')}-${basename(wanted)}-${digest}`,
  );
  await mkdir(options.sharedRoot, { recursive: true, mode: 0o755 });
  const isNew = !(await holdsData(replacement));
  if (!(await prepare(replacement, user))) {
    throw new StackError(
      'data-unreachable',
      `Neither ${wanted} nor ${replacement} can be written by user ${user.name}, who PostgreSQL runs as.`,
    );
  }
  if (isNew)
    options.notify(`PostgreSQL runs as user ${user.name}, who cannot reach ${wanted}: its files are in ${replacement}`);
  return replacement;
}

async function prepare(path: string, user: UnprivilegedUser | undefined): Promise<boolean> {
  try {
    // Folders made on the way must let the user through; what they hold stays hidden and the last one private.
    await mkdir(dirname(path), { recursive: true, mode: user === undefined ? 0o700 : 0o711 });
    await mkdir(path, { recursive: true, mode: 0o700 });
    if (user !== undefined) await chown(path, user.uid, user.gid);
  } catch {
    return false;
  }
  return await succeedsAs(user, ['/bin/sh', '-c', 'test -w "$1" && test -x "$1"', 'sh', path]);
}

async function holdsData(path: string): Promise<boolean> {
  const found = await stat(join(path, 'data')).catch(() => undefined);
  return found !== undefined;
}
