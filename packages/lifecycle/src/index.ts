export { LifecycleError, type LifecycleErrorCode } from './lifecycle-error.ts';
export { Loop, type LoopBackoff, type LoopOptions } from './loop.ts';
export type { LoopObserver, LoopOutcome } from './loop-observer.ts';
export type { ProcessLog } from './process-log.ts';
export { type RunProcessOptions, runProcess } from './run-process.ts';
export type { Service } from './service.ts';
export { type GroupMember, ServiceGroup, type ServiceGroupOptions } from './service-group.ts';
