import type { Task } from '../domain/task.ts';
import { stateAt } from '../domain/task-state.ts';
import type { ReadyHints } from './ports/ready-hints.ts';
import type { ReadyBell, ReadyTasks } from './ready-bell.ts';

/** Tells those who wait that tasks can be taken: in this process by the bell, elsewhere by a hint. */
export class ReadyAnnouncer {
  readonly #bell: ReadyBell;
  readonly #hints: ReadyHints;

  constructor({ bell, hints }: { bell: ReadyBell; hints: ReadyHints }) {
    this.#bell = bell;
    this.#hints = hints;
  }

  /** To be called after the commit, with tasks as they are then. Those whose time has not come are passed over. */
  announce(tasks: readonly Task[], now: Date): void {
    const ready = new Map<string, ReadyTasks>();
    for (const { project, definition, life } of tasks) {
      if (stateAt(life, now) !== 'pending') continue;
      const key = `${project}/${definition.type}`;
      ready.set(key, { project, type: definition.type, count: (ready.get(key)?.count ?? 0) + 1 });
    }
    if (ready.size === 0) return;
    this.#bell.ring([...ready.values()]);
    this.#hints.publish();
  }
}
