import { FailpointError } from './failpoint-error.ts';
import { type FailpointName, isFailpointName } from './failpoints.ts';

/** The environment variable that names the failpoint at which a process is to die. */
export const FAILPOINT_VARIABLE = 'CERT_TASKS_FAILPOINT';

/** The one failpoint that is armed in this process. Set by {@link armFailpoint} alone. */
let armed: FailpointName | undefined;

/**
 * Marks a step at which a test can let the process die. When that failpoint is armed, the process is gone with SIGKILL
 * as if the power had failed: no handler, no flush, and the call does not return. Otherwise it is one comparison.
 */
export function failpoint(name: FailpointName): void {
  if (name === armed) die();
}

/**
 * Arms a failpoint for the rest of the process's life. Meant for the start of a process, with the values of
 * CERT_TASKS_FAILPOINT and NODE_ENV; without a name (or with an empty one) nothing is armed.
 *
 * @throws FailpointError `refused-in-production` when `nodeEnv` is "production", whatever the name; `unknown-failpoint`.
 */
export function armFailpoint({ name, nodeEnv }: { name: string | undefined; nodeEnv: string | undefined }): void {
  if (name === undefined || name === '') return;
  if (nodeEnv === 'production') {
    throw new FailpointError(
      'refused-in-production',
      `${FAILPOINT_VARIABLE} is set while NODE_ENV is production. Failpoints kill the process: unset the variable.`,
    );
  }
  if (!isFailpointName(name)) {
    throw new FailpointError(
      'unknown-failpoint',
      `${FAILPOINT_VARIABLE} names no failpoint. "bin/cert-tasks failpoints" lists them all.`,
    );
  }
  armed = name;
}

function die(): never {
  process.kill(process.pid, 'SIGKILL');
  // The signal may take a moment to arrive; no further step may be taken until it does.
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}
