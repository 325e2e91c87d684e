export { bytea } from './bytea.ts';
export { classifyPgError, type PgErrorClass, type PgErrorKind } from './classify-pg-error.ts';
export type { DatabaseTls } from './connection-settings.ts';
export { createDatabase, type Database, type DatabaseOptions, type IsolationLevel } from './database.ts';
export { DbError, type DbErrorCode } from './db-error.ts';
export { type DumpSchemaOptions, dumpSchema } from './dump-schema.ts';
export { assertLease, type Lease } from './lease.ts';
export { LeaseHolder, type LeaseHolderOptions } from './lease-holder.ts';
export { type LeaseTable, leaseTable } from './lease-table.ts';
export { LeasedLoop, type LeasedLoopOptions, type LeasedRun } from './leased-loop.ts';
export { type MigrateOptions, migrate, verifyMigrations } from './migrate.ts';
export {
  type Orm,
  PG_OID,
  type Pool,
  type Queryable,
  type Sql,
  type SqlTypes,
  type TransactionOrm,
  type TransactionSql,
  type Tx,
} from './sql.ts';
export { tableName } from './table-name.ts';
