import { durationFromMs } from '@bufbuild/protobuf/wkt';
import type { LeasedTask, WorkerService } from '@cert-tasks/contracts/task/v1';
import { sleep } from '@cert-tasks/kernel';
import { Loop, type LoopOutcome, type Service } from '@cert-tasks/lifecycle';
import type { GrpcClient } from '@cert-tasks/rpc';
import { type Logger, loopObserver, type Metrics, withRemoteParent, withSpan } from '@cert-tasks/telemetry';
import { reportTask, type TaskOutcome } from './report-task.ts';
import { RunningTask } from './running-task.ts';
import { TaskAbort } from './task-abort.ts';
import type { TaskHandler } from './task-handler.ts';

/** Options of {@link TaskWorker}. */
export interface TaskWorkerOptions {
  readonly client: GrpcClient<typeof WorkerService>;
  /** Named in the history of tasks: host and process, say. 1 to 128 characters. */
  readonly workerId: string;
  /** By type of task; 1 to 64. */
  readonly handlers: Readonly<Record<string, TaskHandler>>;
  /** Tasks at one time, 1 to 1,000. */
  readonly concurrency: number;
  /** Whose tasks. Default `projects/-`: all projects, for the platform's own services. */
  readonly parent?: string;
  /** How long a task is ours without a heartbeat: 2 s to 10 minutes. Default 30 s. */
  readonly leaseMs?: number;
  /** How long one call waits for a task to come: 0 to 20 s. Default 15 s. */
  readonly waitMs?: number;
  /** What running handlers get to end in when the worker stops, before they are aborted. Default 15 s. */
  readonly stopGraceMs?: number;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** Beyond what a call waits, the scheduler has this long to answer. */
const ANSWER_MS = 5_000;

/** With every slot taken the worker is woken by the first to come free; this is the backstop. */
const BACKSTOP_MS = 1_000;

/** A call that comes back empty at once (nothing waited for) is not repeated before this. */
const QUICK_MS = 100;
const QUICK_PAUSE_MS = 200;

/** After an abort, a handler gets this long to obey; one that does not is left behind. */
const ABORT_GRACE_MS = 2_000;

const MAX_HEARTBEATS = 1_000;

/**
 * Takes tasks from the scheduler and runs their handlers.
 *
 * A task goes: leased (never more than there are free slots) → its handler runs, while heartbeats for all running tasks are
 * sent together at a third of the lease → reported, again and again while the lease lasts. A lease that is lost, a task that
 * is cancelled, an attempt that takes too long and a worker that stops abort the handler by its signal.
 *
 * To stop is: take no more, let what runs end within `stopGraceMs`, then abort it.
 */
export class TaskWorker implements Service {
  readonly name = 'task worker';
  readonly #options: Required<TaskWorkerOptions>;
  readonly #handlers: ReadonlyMap<string, TaskHandler>;
  readonly #leasing: Loop;
  readonly #heartbeats: Loop;
  /** Tasks that are leased and not reported. */
  readonly #running = new Map<RunningTask, Promise<void>>();
  readonly #count: (type: string, outcome: TaskOutcome) => void;

  /** @throws RangeError when an option is outside its range. */
  constructor(options: TaskWorkerOptions) {
    const { parent = 'projects/-', leaseMs = 30_000, waitMs = 15_000, stopGraceMs = 15_000 } = options;
    this.#options = { ...options, parent, leaseMs, waitMs, stopGraceMs };
    this.#handlers = new Map(Object.entries(options.handlers));
    check('concurrency', options.concurrency, { from: 1, to: 1_000 });
    check('leaseMs', leaseMs, { from: 2_000, to: 600_000 });
    check('waitMs', waitMs, { from: 0, to: 20_000 });
    check('number of handlers', this.#handlers.size, { from: 1, to: 64 });
    const { log, metrics } = options;
    const observer = loopObserver({ log, metrics });
    this.#leasing = new Loop({
      name: 'worker-lease',
      intervalMs: BACKSTOP_MS,
      run: (signal) => this.#lease(signal),
      backoff: { baseMs: 200, maxMs: 10_000 },
      observer,
    });
    this.#heartbeats = new Loop({
      name: 'worker-heartbeat',
      intervalMs: leaseMs / 3,
      run: () => this.#beat(),
      backoff: { baseMs: 100, maxMs: Math.max(200, leaseMs / 6) },
      observer,
    });
    const tasks = metrics.counter({
      name: 'certtasks_worker_tasks_total',
      help: 'Tasks that left the hands of this worker, by type and outcome.',
      labels: ['type', 'outcome'],
    });
    metrics.gauge({
      name: 'certtasks_worker_running',
      help: 'Tasks in the hands of this worker.',
      collect: (gauge) => gauge.set(this.#running.size),
    });
    this.#count = (type, outcome) => tasks.inc({ type, outcome });
  }

  async start(): Promise<void> {
    await this.#heartbeats.start();
    await this.#leasing.start();
  }

  async stop(): Promise<void> {
    await this.#leasing.stop();
    await this.#endedWithin(this.#options.stopGraceMs);
    for (const running of this.#running.keys()) {
      running.abort(new TaskAbort('shutting-down', 'The worker is stopping. The task is tried again elsewhere.'));
    }
    await this.#endedWithin(ABORT_GRACE_MS);
    await this.#heartbeats.stop();
  }

  async #lease(signal: AbortSignal): Promise<LoopOutcome> {
    const { client, parent, workerId, concurrency, leaseMs, waitMs } = this.#options;
    const free = concurrency - this.#running.size;
    if (free <= 0) return 'idle';
    const calledAtMs = performance.now();
    const { tasks } = await client.leaseTasks(
      {
        parent,
        worker: workerId,
        types: [...this.#handlers.keys()],
        maxTasks: free,
        leaseDuration: durationFromMs(leaseMs),
        wait: durationFromMs(waitMs),
      },
      { signal, deadlineMs: waitMs + ANSWER_MS },
    );
    const tookMs = performance.now() - calledAtMs;
    // The lease began when a task came, some time in the call; the answer's way back is a small part of a lease at most.
    const leasedAtMs = calledAtMs + Math.max(0, tookMs - leaseMs / 10);
    for (const leased of tasks) this.#take(leased, leasedAtMs);
    if (tasks.length === 0 && tookMs < QUICK_MS) await sleep(QUICK_PAUSE_MS * (0.5 + Math.random()), signal);
    return 'again';
  }

  #take(leased: LeasedTask, leasedAtMs: number): void {
    const { leaseMs, log } = this.#options;
    const { task } = leased;
    const handler = task === undefined ? undefined : this.#handlers.get(task.type);
    if (task === undefined || handler === undefined) {
      log.error({ task: task?.name, type: task?.type }, 'a task came that was not asked for; its lease will run out');
      return;
    }
    const running = new RunningTask({ leased, task, leaseMs, leasedAtMs, log });
    const ended = this.#work(running, handler).finally(() => {
      running.close();
      this.#running.delete(running);
      this.#leasing.wake();
    });
    this.#running.set(running, ended);
  }

  /** Never rejects: the handler's error becomes a report, and a report that fails is logged. */
  async #work(running: RunningTask, handler: TaskHandler): Promise<void> {
    const { task, leased } = running;
    await withRemoteParent(leased.traceparent === '' ? undefined : leased.traceparent, () =>
      withSpan({ name: `task ${task.type}`, kind: 'consumer' }, { 'certtasks.task': task.name }, async () => {
        const began = performance.now();
        const outcome = await running.run(handler);
        const ended = await reportTask(this.#options.client, { running, outcome });
        this.#count(task.type, ended);
        running.log.info({ outcome: ended, ms: Math.round(performance.now() - began) }, 'task');
      }),
    ).catch((err: unknown) => running.log.error({ err }, 'a task could not be worked on'));
  }

  /** One heartbeat for every running task, in as few calls as it takes. */
  async #beat(): Promise<LoopOutcome> {
    const running = [...this.#running.keys()].filter(({ isHeld }) => isHeld);
    for (let at = 0; at < running.length; at += MAX_HEARTBEATS)
      await this.#beatOnce(running.slice(at, at + MAX_HEARTBEATS));
    return 'idle';
  }

  async #beatOnce(batch: readonly RunningTask[]): Promise<void> {
    const { client, parent, leaseMs } = this.#options;
    const sentAtMs = performance.now();
    const { outcomes } = await client.heartbeatTasks(
      {
        parent,
        heartbeats: batch.map(({ task, leased, progress }) => ({
          name: task.name,
          fence: leased.fence,
          progressPercent: progress.percent,
          progressMessage: progress.message ?? '',
        })),
      },
      { deadlineMs: leaseMs / 3 },
    );
    batch.forEach((running, index) => {
      const outcome = outcomes[index];
      if (outcome?.held === true) running.prolonged(sentAtMs);
      else if (outcome !== undefined) running.abort(lost(outcome.reason));
    });
  }

  /** Waits for all running tasks to leave our hands, at most that long. */
  async #endedWithin(ms: number): Promise<void> {
    const done = new AbortController();
    const late = sleep(ms, done.signal).catch(() => undefined);
    await Promise.race([Promise.all(this.#running.values()), late]);
    done.abort();
  }
}

function lost(reason: string): TaskAbort {
  return reason === 'CANCELLED'
    ? new TaskAbort('cancelled', 'The task was cancelled.')
    : new TaskAbort('lease-lost', 'The lease has passed on.');
}

function check(what: string, value: number, { from, to }: { from: number; to: number }): void {
  if (!(value >= from && value <= to))
    throw new RangeError(`The worker's ${what} must be ${from} to ${to}, not ${value}.`);
}
