import type { JsonObject } from '@bufbuild/protobuf';
import type { WorkerService } from '@cert-tasks/contracts/task/v1';
import { AppError, backoffDelay, sleep } from '@cert-tasks/kernel';
import { type GrpcClient, RpcError } from '@cert-tasks/rpc';
import type { HandlerOutcome, RunningTask } from './running-task.ts';
import { TaskAbort } from './task-abort.ts';
import { TaskFailure } from './task-failure.ts';

/** How a task left this worker's hands. */
export type TaskOutcome = 'completed' | 'failed' | 'lost' | 'unreported';

const CALL_DEADLINE_MS = 10_000;
const MAX_ATTEMPTS = 8;
const BACKOFF = { baseMs: 200, maxMs: 5_000 };
const MAX_MESSAGE = 2_048;

/** Codes after which the report may be sent again: it acts once, by its fence. */
const REPEATABLE: ReadonlySet<string> = new Set([
  'UNAVAILABLE',
  'DEADLINE_EXCEEDED',
  'RESOURCE_EXHAUSTED',
  'ABORTED',
  'INTERNAL',
  'UNKNOWN',
]);

/** Codes that say that the task has passed on. */
const PASSED_ON: ReadonlySet<string> = new Set(['FAILED_PRECONDITION', 'NOT_FOUND']);

/**
 * Tells the scheduler how an attempt ended, again and again while the lease lasts, a bounded number of times. A result that
 * the scheduler refuses (it is too large, say) fails the attempt.
 */
export async function reportTask(
  client: GrpcClient<typeof WorkerService>,
  { running, outcome }: { running: RunningTask; outcome: HandlerOutcome },
): Promise<TaskOutcome> {
  if (!running.isHeld) return 'lost';
  const attempt: Attempt = { client, running };
  if (outcome.kind === 'failed') return fail(attempt, failureOf(running, outcome.error));
  try {
    return await complete(attempt, outcome.result);
  } catch (error) {
    if (!(error instanceof RpcError) || error.rpcCode !== 'INVALID_ARGUMENT') return notReported(attempt, error);
    running.log.error({ err: error }, 'the result of a task was refused');
    const message = 'The scheduler has refused the result. It must be at most 64 KiB as JSON.';
    return fail(attempt, { reason: 'RESULT_REFUSED', message, final: false });
  }
}

interface Attempt {
  readonly client: GrpcClient<typeof WorkerService>;
  readonly running: RunningTask;
}

interface Failure {
  readonly reason: string;
  readonly message: string;
  readonly final: boolean;
}

async function complete({ client, running }: Attempt, result: JsonObject | undefined): Promise<TaskOutcome> {
  const { name } = running.task;
  const { fence } = running.leased;
  const request = { name, fence, ...(result !== undefined && { result }) };
  return (await sent(running, () => client.completeTask(request, { deadlineMs: CALL_DEADLINE_MS })))
    ? 'completed'
    : 'lost';
}

async function fail(attempt: Attempt, failure: Failure): Promise<TaskOutcome> {
  const { client, running } = attempt;
  const { name } = running.task;
  const { fence } = running.leased;
  try {
    const isTaken = await sent(running, () =>
      client.failTask({ name, fence, ...failure }, { deadlineMs: CALL_DEADLINE_MS }),
    );
    return isTaken ? 'failed' : 'lost';
  } catch (error) {
    return notReported(attempt, error);
  }
}

/** Answers false when the task has passed on. Throws what no repeating helps against. */
async function sent(running: RunningTask, call: () => Promise<unknown>): Promise<boolean> {
  for (let attempt = 1; ; attempt += 1) {
    if (!running.isHeld) return false;
    try {
      await call();
      return true;
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      if (PASSED_ON.has(error.rpcCode)) {
        running.log.warn({ err: error }, 'a task had passed on before it was reported');
        return false;
      }
      if (!REPEATABLE.has(error.rpcCode) || attempt === MAX_ATTEMPTS) throw error;
      const pauseMs = backoffDelay({ attempt, ...BACKOFF, random: Math.random });
      await sleep(Math.max(pauseMs, Math.min(error.retryAfterMs ?? 0, BACKOFF.maxMs)));
    }
  }
}

/** The lease runs out by itself, and the task is tried again. */
function notReported({ running }: Attempt, err: unknown): TaskOutcome {
  running.log.error({ err }, 'the end of a task could not be reported; its lease will run out');
  return 'unreported';
}

function failureOf(running: RunningTask, error: unknown): Failure {
  const reason: unknown = running.signal.reason;
  if (reason instanceof TaskAbort && (error === reason || !(error instanceof TaskFailure))) {
    return { reason: codeInCapitals(reason), message: reason.message, final: false };
  }
  if (error instanceof TaskFailure) {
    return { reason: error.reason, message: error.message.slice(0, MAX_MESSAGE), final: error.final };
  }
  running.log.error({ err: error }, 'the handler of a task failed');
  if (error instanceof AppError) {
    return { reason: codeInCapitals(error), message: error.message.slice(0, MAX_MESSAGE), final: false };
  }
  const message = 'The handler met an error of its own. See the log of the worker.';
  return { reason: 'HANDLER_FAILED', message, final: false };
}

function codeInCapitals({ code }: AppError): string {
  return code.replaceAll('-', '_').toUpperCase().slice(0, 63);
}
