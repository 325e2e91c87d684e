import type { Clock } from '@cert-tasks/kernel';
import { CertError } from '../domain/errors.ts';
import type { CrlStore, DueShard } from './ports/crl-store.ts';
import type { PublishCrl } from './publish-crl.ts';

const BATCH = 50;

/** A shard whose CRL could not be made this time. */
export interface CrlFailure {
  readonly shard: DueShard;
  readonly error: unknown;
}

/**
 * Publishes the CRLs of all shards that are due. One that fails is put off and does not hold up the others. Run by one
 * leader at a time.
 */
export class PublishDueCrls {
  readonly #crls: CrlStore;
  readonly #publish: PublishCrl;
  readonly #clock: Clock;
  readonly #onFailure: (failure: CrlFailure) => void;

  constructor(deps: {
    readonly crls: CrlStore;
    readonly publish: PublishCrl;
    readonly clock: Clock;
    /** Told of each shard that failed. */
    readonly onFailure: (failure: CrlFailure) => void;
  }) {
    this.#crls = deps.crls;
    this.#publish = deps.publish;
    this.#clock = deps.clock;
    this.#onFailure = deps.onFailure;
  }

  /**
   * @returns how many were published; where any was, there may be more. @throws CertError `signer-unavailable`: no
   * shard could be signed now, so none is put off.
   */
  async run(signal: AbortSignal): Promise<number> {
    const due = await this.#crls.listDue({ now: this.#clock.now(), limit: BATCH });
    let published = 0;
    for (const shard of due) {
      if (signal.aborted) break;
      try {
        if (await this.#publish.run(shard)) published += 1;
      } catch (error) {
        if (error instanceof CertError && error.code === 'signer-unavailable') throw error;
        this.#onFailure({ shard, error });
        await this.#crls.putOff({ shard, now: this.#clock.now() });
      }
    }
    return published;
  }
}
