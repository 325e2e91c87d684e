export { armFailpoint, FAILPOINT_VARIABLE, failpoint } from './failpoint.ts';
export { FailpointError, type FailpointErrorCode } from './failpoint-error.ts';
export {
  FAILPOINTS,
  type FailpointDescription,
  type FailpointName,
  type FailpointService,
  isFailpointName,
} from './failpoints.ts';
