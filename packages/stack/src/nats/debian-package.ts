import { mkdir, mkdtemp, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { NatsSourceOptions } from './official-release.ts';
import { run } from './run-command.ts';

const PACKAGE = 'nats-server';
const TIMEOUT_MS = 180_000;

/**
 * Unpacks the distribution's package (Debian, Ubuntu) without installing it: apt works on lists and a cache of its own, so
 * the system is not changed, no rights are needed, and a machine whose package lists are empty will do. apt verifies the
 * package as ever. Returns the path of nats-server inside the work directory.
 *
 * @throws Error with a reason in a few words.
 */
export async function unpackDebianPackage(options: NatsSourceOptions): Promise<string> {
  const directory = await mkdtemp(join(options.workDirectory, 'debian-'));
  const env = { ...process.env, LC_ALL: 'C', APT_CONFIG: await writeAptConfig(directory) };
  options.notify(`nats-server: reading the distribution's package lists (nothing is installed)`);
  await run({ command: 'apt-get', args: ['-q', 'update'], timeoutMs: TIMEOUT_MS, env });
  options.notify(`nats-server: unpacking the distribution's package`);
  await run({ command: 'apt-get', args: ['-q', 'download', PACKAGE], timeoutMs: TIMEOUT_MS, cwd: directory, env });
  const archive = (await readdir(directory)).find((name) => name.startsWith(`${PACKAGE}_`) && name.endsWith('.deb'));
  if (archive === undefined) throw new Error('apt-get: no package came');
  const root = join(directory, 'root');
  await run({ command: 'dpkg-deb', args: ['-x', join(directory, archive), root], timeoutMs: TIMEOUT_MS });
  return join(root, 'usr/sbin/nats-server');
}

/**
 * A configuration that leaves the system's hooks out (they clean its cache and tell its services) but keeps how it reaches
 * the network: proxies, timeouts, credentials.
 */
async function writeAptConfig(directory: string): Promise<string> {
  const state = join(directory, 'state');
  const cache = join(directory, 'cache');
  await mkdir(join(state, 'lists/partial'), { recursive: true });
  await mkdir(join(cache, 'archives/partial'), { recursive: true });
  const dump = await run({ command: 'apt-config', args: ['dump'], timeoutMs: TIMEOUT_MS });
  const network = dump
    .split('\n')
    .filter((line) => line.startsWith('Acquire::') && !/^Acquire::(IndexTargets|Languages)\b/.test(line));
  const file = join(directory, 'apt.conf');
  const lines = [
    ...network,
    'Dir::Etc::main "/dev/null";',
    'Dir::Etc::parts "/dev/null";',
    `Dir::State ${JSON.stringify(state)};`,
    `Dir::State::status "/var/lib/dpkg/status";`,
    `Dir::Cache ${JSON.stringify(cache)};`,
    // Root's apt would otherwise fetch as a user who cannot write here.
    'APT::Sandbox::User "root";',
    'Acquire::Languages "none";',
  ];
  await writeFile(file, `${lines.join('\n')}\n`, { mode: 0o600 });
  return file;
}
