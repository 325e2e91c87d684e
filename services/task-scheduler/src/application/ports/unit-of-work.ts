import type { AuditTrail } from './audit-trail.ts';
import type { RequestRegister } from './request-register.ts';
import type { ScheduleStore } from './schedule-store.ts';
import type { TaskStore } from './task-store.ts';

/** The stores of one transaction. */
export interface Work {
  /** The database's time as the transaction began, in whole milliseconds. */
  readonly now: Date;
  readonly tasks: TaskStore;
  readonly schedules: ScheduleStore;
  readonly requests: RequestRegister;
  readonly audit: AuditTrail;
}

/** Transactions. */
export interface UnitOfWork {
  /**
   * Commits what `act` did when it resolves, and nothing of it when it rejects. `act` runs again where the database
   * asks for it: it MUST have no effect but through `work`.
   */
  run<T>(name: string, act: (work: Work) => Promise<T>): Promise<T>;
}
