import { getTableConfig, type PgTable } from 'drizzle-orm/pg-core';

/** Schema and name of a drizzle table with a dot between, as `sql(...)` of postgres.js takes it for an identifier. */
export function tableName(table: PgTable): string {
  const { schema, name } = getTableConfig(table);
  return schema === undefined ? name : `${schema}.${name}`;
}
