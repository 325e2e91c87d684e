import type { Clock } from '@cert-tasks/kernel';
import { certificateName } from '../domain/certificate.ts';
import type { CertificateStore } from './ports/certificate-store.ts';
import type { TaskQueue } from './ports/task-queue.ts';

const PAGE = 500;

/** Makes one task for each certificate whose renewal window is open. Repeating it makes no second task. */
export class FindDueRenewals {
  readonly #certificates: CertificateStore;
  readonly #tasks: TaskQueue;
  readonly #clock: Clock;

  constructor(deps: { readonly certificates: CertificateStore; readonly tasks: TaskQueue; readonly clock: Clock }) {
    this.#certificates = deps.certificates;
    this.#tasks = deps.tasks;
    this.#clock = deps.clock;
  }

  /**
   * @returns how many are due. @throws CertError `scheduler-unavailable`: those before it have their tasks, a repeat
   * makes the rest.
   */
  async run(input: { signal: AbortSignal; onProgress: (due: number) => void }): Promise<number> {
    const now = this.#clock.now();
    let due = 0;
    let after: { renewAt: Date; id: string } | undefined;
    for (;;) {
      const page = await this.#certificates.listDueRenewals({ now, after, limit: PAGE });
      for (const certificate of page) {
        input.signal.throwIfAborted();
        await this.#tasks.createRenewal({
          project: certificate.project,
          certificateName: certificateName(certificate),
        });
        due += 1;
        after = certificate;
      }
      input.onProgress(due);
      if (page.length < PAGE) return due;
    }
  }
}
