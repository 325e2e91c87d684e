import type postgres from 'postgres';

/** A connection of the superuser; neither triggers nor foreign keys fire for it. */
export type AdminSql = postgres.Sql<{ bigint: bigint }>;
