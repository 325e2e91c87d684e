import { LifecycleError } from './lifecycle-error.ts';
import type { Service } from './service.ts';
import { withDeadline } from './with-deadline.ts';

const DEFAULT_START_DEADLINE_MS = 30_000;
const DEFAULT_STOP_DEADLINE_MS = 10_000;

/** A member with deadlines of its own. */
export interface GroupMember {
  readonly service: Service;
  /** Most milliseconds its start may take. */
  readonly startDeadlineMs?: number;
  /** Most milliseconds its stop may take. */
  readonly stopDeadlineMs?: number;
}

/** Options of {@link ServiceGroup}. */
export interface ServiceGroupOptions {
  readonly name: string;
  /** In the order of their start: what others need comes first. */
  readonly members: readonly (Service | GroupMember)[];
  /** For members that say nothing else. 30 s by default. */
  readonly startDeadlineMs?: number;
  /** For members that say nothing else. 10 s by default. */
  readonly stopDeadlineMs?: number;
}

/**
 * Services that live and end together: started one after the other, stopped in reverse.
 *
 * When one does not start, or stop is called meanwhile, that one and all before it are stopped, so a failed start
 * leaves nothing running. A stop goes through all members, whatever fails on the way.
 */
export class ServiceGroup implements Service {
  readonly name: string;
  readonly #members: readonly Required<GroupMember>[];
  /** The start that runs or has succeeded; undefined when stopped or failed. */
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;
  /** Resolved by stop, and seen by a start that still runs. One for each start. */
  #stopRequest = Promise.withResolvers<void>();
  #running: Required<GroupMember>[] = [];

  constructor(options: ServiceGroupOptions) {
    this.name = options.name;
    this.#members = options.members.map((member) => ({
      startDeadlineMs: options.startDeadlineMs ?? DEFAULT_START_DEADLINE_MS,
      stopDeadlineMs: options.stopDeadlineMs ?? DEFAULT_STOP_DEADLINE_MS,
      ...('service' in member ? member : { service: member }),
    }));
  }

  /**
   * @throws LifecycleError (as rejection) `start-failed`, with the member's error as cause; `start-deadline`;
   * `stopped-while-starting`. Where stopping the members again failed as well, the cause is an AggregateError of all.
   */
  async start(): Promise<void> {
    // A stop reports its failures to who called it.
    while (this.#stopping !== undefined) await this.#stopping.catch(() => undefined);
    this.#starting ??= this.#startMembers();
    return this.#starting;
  }

  /** @throws LifecycleError (as rejection) `stop-failed`, with an AggregateError of the members' errors as cause. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stopAll().finally(() => {
      this.#stopping = undefined;
    });
    return this.#stopping;
  }

  async #startMembers(): Promise<void> {
    this.#stopRequest = Promise.withResolvers<void>();
    const interrupted = this.#stopRequest.promise.then(() => {
      throw new LifecycleError('stopped-while-starting', `${this.name} was stopped before it had started.`);
    });
    interrupted.catch(() => undefined);
    for (const member of this.#members) {
      // Counted as running before its start: one that fails or hangs half-way is stopped too.
      this.#running.push(member);
      try {
        await Promise.race([interrupted, this.#startMember(member)]);
      } catch (error) {
        const failures = await this.#stopRunning();
        this.#starting = undefined;
        throw this.#startFailure(member.service, error, failures);
      }
    }
  }

  #startMember({ service, startDeadlineMs }: Required<GroupMember>): Promise<void> {
    return withDeadline(
      service.start(),
      startDeadlineMs,
      () => new LifecycleError('start-deadline', `${service.name} did not start within ${startDeadlineMs} ms.`),
    );
  }

  async #stopAll(): Promise<void> {
    this.#stopRequest.resolve();
    // A start that still runs sees the request, stops its members itself and tells its own caller.
    await this.#starting?.catch(() => undefined);
    const failures = await this.#stopRunning();
    this.#starting = undefined;
    if (failures.length > 0) {
      throw new LifecycleError(
        'stop-failed',
        `${this.name} did not stop cleanly: ${failures.map(messageOf).join('; ')}`,
        {
          cause: new AggregateError(failures),
        },
      );
    }
  }

  async #stopRunning(): Promise<unknown[]> {
    const failures: unknown[] = [];
    for (let member = this.#running.pop(); member !== undefined; member = this.#running.pop()) {
      const { service, stopDeadlineMs } = member;
      try {
        await withDeadline(
          service.stop(),
          stopDeadlineMs,
          () => new LifecycleError('stop-deadline', `${service.name} did not stop within ${stopDeadlineMs} ms.`),
        );
      } catch (error) {
        failures.push(error);
      }
    }
    return failures;
  }

  #startFailure(service: Service, error: unknown, stopFailures: readonly unknown[]): LifecycleError {
    const cause = stopFailures.length === 0 ? error : new AggregateError([error, ...stopFailures]);
    if (
      error instanceof LifecycleError &&
      (error.code === 'stopped-while-starting' || error.code === 'start-deadline')
    ) {
      return stopFailures.length === 0 ? error : new LifecycleError(error.code, error.message, { cause });
    }
    return new LifecycleError('start-failed', `${service.name} did not start: ${messageOf(error)}`, { cause });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
