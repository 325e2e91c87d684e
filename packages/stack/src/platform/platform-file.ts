import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../home.ts';
import { StackError } from '../stack-error.ts';

const FILE = 'platform.json';

/** What a program on the same machine needs to use a running platform. It holds the database administrator's password. */
export interface PlatformDescription {
  readonly project: string;
  readonly services: { readonly cert: string; readonly signer: string; readonly task: string; readonly audit: string };
  /** Base URL of CRLs and issuer certificates. */
  readonly pki: string;
  /** File of the operator's token. */
  readonly tokenFile: string;
  /** PostgreSQL URL of a role that sees all four schemas. */
  readonly databaseUrl: string;
}

/** Writes `platform.json`, mode 0600, into a platform's home. */
export async function writePlatformFile(home: string, description: PlatformDescription): Promise<void> {
  await writeFileAtomic({
    path: join(home, FILE),
    content: `${JSON.stringify(description, undefined, 2)}\n`,
    mode: 0o600,
  });
}

/** Removes it when the platform stops. Idempotent. */
export async function removePlatformFile(home: string): Promise<void> {
  await rm(join(home, FILE), { force: true });
}

/** The description of the platform that runs in this home; undefined when none does. @throws StackError 'home-unusable' where the file is damaged. */
export async function readPlatformFile(home: string): Promise<PlatformDescription | undefined> {
  let text: string;
  try {
    text = await readFile(join(home, FILE), 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  const value: unknown = parseJson(text);
  if (isDescription(value)) return value;
  throw new StackError('home-unusable', `${join(home, FILE)} is damaged. Stop the platform and start it again.`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isDescription(value: unknown): value is PlatformDescription {
  if (typeof value !== 'object' || value === null) return false;
  const texts = ['project', 'pki', 'tokenFile', 'databaseUrl'].every(
    (name) => typeof Reflect.get(value, name) === 'string',
  );
  const services: unknown = Reflect.get(value, 'services');
  if (!texts || typeof services !== 'object' || services === null) return false;
  return ['cert', 'signer', 'task', 'audit'].every((name) => typeof Reflect.get(services, name) === 'string');
}
