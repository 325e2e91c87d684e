import postgres from 'postgres';
import { connectionTarget, type DatabaseTls } from './connection-settings.ts';
import { DUMP_QUERIES } from './dump-queries.ts';
import { translateError } from './translate-error.ts';

/** Options of {@link dumpSchema}. */
export interface DumpSchemaOptions {
  /** URL of a role that may see the schema: its owner. */
  readonly url: string;
  readonly schema: string;
  readonly tls?: DatabaseTls;
}

/**
 * Describes a schema as text: tables with columns, constraints, indexes, triggers, policies and grants, sequences, views,
 * functions, types. The same schema gives the same text on every machine and with every supported version of PostgreSQL;
 * data, comments, owners and the bookkeeping of migrations are left out.
 *
 * @throws DbError (as rejection) 'database-unavailable', 'invalid-url', 'insecure-connection'.
 */
export async function dumpSchema({ url, schema, tls }: DumpSchemaOptions): Promise<string> {
  const target = connectionTarget(url, tls);
  const sql = postgres(target.url, {
    max: 1,
    ssl: target.ssl,
    // An empty search path makes the catalogue functions write every name with its schema.
    connection: { application_name: 'cert-tasks-dump', search_path: '', TimeZone: 'UTC' },
    onnotice: () => undefined,
  });
  try {
    return await sql.begin('isolation level repeatable read read only', async (tx) => {
      const lines = [`schema ${schema}`];
      for (const query of DUMP_QUERIES) {
        const rows = await tx.unsafe<{ line: string }[]>(query, [schema]);
        if (rows.length > 0) lines.push('', ...rows.map((row) => row.line));
      }
      return `${lines.join('\n')}\n`;
    });
  } catch (error) {
    throw translateError(error);
  } finally {
    await sql.end();
  }
}
