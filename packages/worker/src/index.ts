export { TaskAbort, type TaskAbortCode } from './task-abort.ts';
export { TaskFailure, type TaskFailureOptions } from './task-failure.ts';
export type { TaskContext, TaskHandler, TaskProgress } from './task-handler.ts';
export { TaskWorker, type TaskWorkerOptions } from './task-worker.ts';
