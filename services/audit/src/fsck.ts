export type { LogKey } from './domain/checkpoint.ts';
export type { WitnessedHead } from './domain/known-head.ts';
export type { LogBreach, LogBreachKind, Witnesses } from './domain/rederive-tree.ts';
export { verifyLog } from './infrastructure/postgres/verify-log.ts';
