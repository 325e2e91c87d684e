export {
  findHistoryBreaches,
  type HistoryBreach,
  type HistoryBreachKind,
} from './infrastructure/postgres/find-history-breaches.ts';
