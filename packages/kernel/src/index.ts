export { AppError, type AppErrorOptions } from './app-error.ts';
export { assertNever } from './assert-never.ts';
export { type BackoffInput, backoffDelay } from './backoff-delay.ts';
export { bytesEqual, constantTimeEqual } from './bytes-equal.ts';
export { type Clock, systemClock } from './clock.ts';
export {
  type CoalescedResult,
  Coalescer,
  CoalescerError,
  type CoalescerErrorCode,
  type CoalescerOptions,
} from './coalescer.ts';
export { bytesToHex, HexError, type HexErrorCode, hexToBytes } from './hex.ts';
export { newId } from './new-id.ts';
export { type RandomBytes, systemRandomBytes } from './random-bytes.ts';
export {
  formatResourceName,
  parseResourceName,
  type ResourceIds,
  ResourceNameError,
  type ResourceNameErrorCode,
  type ResourcePattern,
} from './resource-name.ts';
export { sleep } from './sleep.ts';
