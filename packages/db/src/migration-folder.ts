import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DbError } from './db-error.ts';

/** One file of a drizzle-kit folder. */
export interface Migration {
  /** File name without `.sql`. */
  readonly tag: string;
  /** SHA-256 of the file, in hexadecimal. */
  readonly hash: string;
  /** The file's text as it is, placeholders included. */
  readonly text: string;
}

/** drizzle-kit writes it between statements. */
const BREAKPOINT = '--> statement-breakpoint';
const CREATE_SCHEMA = /^CREATE SCHEMA (?:IF NOT EXISTS )?"[a-z_]+";?$/i;
const PLACEHOLDER = /\{\{\s*([^{}]*?)\s*\}\}/g;

/**
 * Reads the migrations of a drizzle-kit folder (`meta/_journal.json` and the files that it names), in order.
 *
 * @throws DbError 'invalid-migrations' naming the file at fault.
 */
export async function readMigrations(folder: string): Promise<readonly Migration[]> {
  const journal = join(folder, 'meta', '_journal.json');
  const tags = parseJournal(await readText(journal), journal);
  return await Promise.all(
    tags.map(async (tag) => {
      const text = await readText(join(folder, `${tag}.sql`));
      return { tag, text, hash: createHash('sha256').update(text).digest('hex') };
    }),
  );
}

/**
 * The statements of a migration, with `{{app_role}}` replaced by the quoted name of the runtime role. That drizzle-kit begins with
 * `CREATE SCHEMA` is passed over: the schema is there, and its owner need not have the right to make one.
 *
 * @throws DbError 'invalid-migrations' when it names another placeholder.
 */
export function migrationStatements(migration: Migration, { appRole }: { appRole: string }): readonly string[] {
  const text = migration.text.replace(PLACEHOLDER, (_match, name: string) => {
    if (name === 'app_role') return `"${appRole.replaceAll('"', '""')}"`;
    throw new DbError(
      'invalid-migrations',
      `Migration ${migration.tag} has the placeholder {{${name}}}. Only {{app_role}} is known: correct the file.`,
    );
  });
  return text
    .split(BREAKPOINT)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '' && !CREATE_SCHEMA.test(statement));
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new DbError('invalid-migrations', `${path} cannot be read. Restore the migrations folder.`, { cause });
  }
}

function parseJournal(text: string, path: string): readonly string[] {
  let journal: unknown;
  try {
    journal = JSON.parse(text);
  } catch (cause) {
    throw new DbError('invalid-migrations', `${path} is not JSON. Restore the migrations folder.`, { cause });
  }
  const entries = isRecord(journal) ? journal['entries'] : undefined;
  if (!Array.isArray(entries)) throw malformed(path);
  const tags = entries.map((entry: unknown) => {
    const tag = isRecord(entry) ? entry['tag'] : undefined;
    if (typeof tag !== 'string' || !/^[\w-]+$/.test(tag)) throw malformed(path);
    return tag;
  });
  if (new Set(tags).size !== tags.length) throw malformed(path);
  return tags;
}

function malformed(path: string): DbError {
  return new DbError('invalid-migrations', `${path} is no journal of drizzle-kit. Restore the migrations folder.`);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
