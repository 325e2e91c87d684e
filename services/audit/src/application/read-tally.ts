import type { Clock } from '@cert-tasks/kernel';
import type { OwnEvent, OwnEventActor } from '../domain/own-event.ts';
import type { OwnEvents } from './ports/own-events.ts';

/** Somebody read the log. */
export interface LogRead {
  readonly actor: OwnEventActor;
  readonly project: string;
  /** The RPC's full method name. */
  readonly method: string;
  readonly peerAddress: string;
  readonly userAgent: string;
}

interface Tally {
  readonly first: LogRead;
  readonly from: Date;
  to: Date;
  count: number;
}

const WINDOW_MS = 60_000;

/** Most readers that are counted apart; a flood of more is flushed early. */
const MAX_TALLIES = 10_000;

/** Counts reads of the log: an event of each principal, project and method in a minute, with how many there were. */
export class ReadTally {
  readonly #events: OwnEvents;
  readonly #clock: Clock;
  #tallies = new Map<string, Tally>();

  constructor({ events, clock }: { events: OwnEvents; clock: Clock }) {
    this.#events = events;
    this.#clock = clock;
  }

  /** Counts a read. Does nothing that could fail it. */
  count(read: LogRead): void {
    const at = this.#clock.now();
    const key = JSON.stringify([read.actor.kind, read.actor.id, read.project, read.method]);
    const tally = this.#tallies.get(key);
    if (tally !== undefined) {
      tally.count += 1;
      tally.to = at;
    } else this.#tallies.set(key, { first: read, from: at, to: at, count: 1 });
  }

  /** Tells of those whose minute is over, or of all. Those that could not be told are kept. */
  async flush({ all }: { readonly all: boolean }): Promise<void> {
    const now = this.#clock.now().getTime();
    const everything = all || this.#tallies.size > MAX_TALLIES;
    const due = [...this.#tallies].filter(([, { from }]) => everything || now - from.getTime() >= WINDOW_MS);
    if (due.length === 0) return;
    for (const [key] of due) this.#tallies.delete(key);
    try {
      await this.#events.append(due.map(([, tally]) => readEvent(tally)));
    } catch (error) {
      for (const [key, tally] of due) this.#restore(key, tally);
      throw error;
    }
  }

  #restore(key: string, tally: Tally): void {
    const since = this.#tallies.get(key);
    this.#tallies.set(key, since === undefined ? tally : { ...tally, to: since.to, count: tally.count + since.count });
  }
}

function readEvent({ first, from, to, count }: Tally): OwnEvent {
  return {
    type: 'log.read',
    subject: `projects/${first.project}`,
    project: first.project,
    actor: first.actor,
    action: first.method,
    result: 'success',
    reason: '',
    peerAddress: first.peerAddress,
    userAgent: first.userAgent,
    data: { count, from: from.toISOString(), to: to.toISOString() },
  };
}
