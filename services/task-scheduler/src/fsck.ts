export { findHistoryBreaches, type HistoryBreach } from './infrastructure/postgres/find-history-breaches.ts';
