import type {
  EndedState,
  LeasedTask,
  Task,
  TaskDefinition,
  TaskEvent,
  TaskFailure,
  TaskLife,
  TaskProgress,
  TaskRef,
  TaskState,
} from '../../domain/task.ts';

/** A task about to be made, and the event that makes it. */
export interface NewTask extends TaskRef {
  readonly definition: TaskDefinition;
  readonly event: TaskEvent;
  readonly life: TaskLife;
}

/** A task that has not ended, locked for the rest of the transaction. */
export interface LockedTask extends Task {
  /** Where a worker holds it. */
  readonly leaseExpiresAt: Date | undefined;
}

/** A transition to write. */
export interface TaskChange {
  readonly before: LockedTask;
  readonly event: TaskEvent;
  readonly after: TaskLife;
}

/** What a worker can take. */
export interface ClaimQuery {
  /** Undefined: all projects. */
  readonly project: string | undefined;
  readonly worker: string;
  readonly types: readonly string[];
  /** At least 1. */
  readonly limit: number;
  /** How long a lease lasts without a heartbeat. */
  readonly leaseMs: number;
}

/** A task that was claimed. */
export interface ClaimedTask extends LeasedTask {
  readonly event: TaskEvent;
  /** From the time that it could be taken to the time that it was, in milliseconds. */
  readonly waitedMs: number;
}

/** A worker's sign of life. */
export interface Heartbeat extends TaskRef {
  readonly fence: bigint;
  readonly progress: TaskProgress;
}

/** A key to reserve for a task. */
export interface UniqueKeyClaim extends TaskRef {
  readonly type: string;
  readonly uniqueKey: string;
}

/** Tasks, in the transaction at hand. */
export interface TaskStore {
  /** Writes tasks with their first events. Unique keys have been reserved. */
  insert(tasks: readonly NewTask[]): Promise<void>;
  /**
   * Reserves unique keys. @returns the holder's id for each task (by id) whose key another task has; the others have
   * theirs. The claims MUST not name one key twice.
   */
  reserveUniqueKeys(claims: readonly UniqueKeyClaim[]): Promise<ReadonlyMap<string, string>>;
  /**
   * Takes waiting tasks whose time has come, highest priority first, then the longest due, and leases them: the fence
   * moves on, and the event is written. What others are taking at the same moment is passed over. Fewer than the limit
   * may come where more wait, if they are large: `more` then says so.
   */
  claim(query: ClaimQuery): Promise<{ readonly claimed: readonly ClaimedTask[]; readonly more: boolean }>;
  /**
   * Holds leases on, by the time that each claim asked for, where the fence is the present one.
   *
   * @returns the new ends in the order of the signs; undefined where the lease is lost.
   */
  heartbeat(beats: readonly Heartbeat[]): Promise<readonly (Date | undefined)[]>;
  /** Locks those that have not ended, in order of id, so that two transactions cannot wait for each other. By id. */
  lock(refs: readonly TaskRef[]): Promise<ReadonlyMap<string, LockedTask>>;
  /** Locks tasks whose lease or deadline has passed at `now`, the longest first; what others hold is passed over. */
  lockExpired(options: { readonly now: Date; readonly limit: number }): Promise<readonly LockedTask[]>;
  /** Writes transitions of tasks that this transaction has locked. Ended tasks give their unique keys back. */
  save(changes: readonly TaskChange[]): Promise<void>;
  /** Tasks by id, ended or not; what is not there, or in another project, is left out. */
  find(refs: readonly TaskRef[]): Promise<ReadonlyMap<string, Task>>;
}

/** Which page of tasks. */
export interface TaskListQuery {
  readonly project: string;
  /** Only in this state, as shown at this moment. */
  readonly state: ShownState | undefined;
  readonly type: string | undefined;
  /** Only tasks older than this one (its id). */
  readonly before: string | undefined;
  /** At least 1. */
  readonly limit: number;
}

/** A state to list by. */
export type ShownState = 'scheduled' | 'pending' | 'running' | 'retrying' | EndedState;

/** How many tasks stand where, at a moment. */
export interface TaskCounts {
  /** Not ended, by the state to show. */
  readonly states: Readonly<Record<'scheduled' | 'pending' | 'running' | 'retrying', number>>;
  /** How long the longest due task has waited, in milliseconds; 0 where none is due. */
  readonly longestDueMs: number;
}

/** A transition as the history shows it: without what it brought. */
export interface TaskEventSummary {
  readonly sequence: number;
  readonly state: TaskState;
  readonly at: Date;
  readonly attempt: number;
  readonly worker: string | undefined;
  readonly error: TaskFailure | undefined;
}

/**
 * Reads outside of transactions. Waiting tasks are shown as `pending` once their time has come, by the database's
 * clock.
 */
export interface TaskReader {
  /** Undefined where there is none in this project. */
  find(ref: TaskRef): Promise<Task | undefined>;
  /** The youngest first; `more` where others follow. A page may be shorter than asked for where its tasks are large. */
  list(query: TaskListQuery): Promise<{ readonly tasks: readonly Task[]; readonly more: boolean }>;
  /** The events after a sequence, in order; undefined where there is no such task in this project. */
  listEvents(
    query: TaskRef & { readonly after: number; readonly limit: number },
  ): Promise<readonly TaskEventSummary[] | undefined>;
  count(): Promise<TaskCounts>;
}
