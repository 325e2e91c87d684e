import { LeasedLoop, type LeaseHolder } from '@cert-tasks/db';
import type { LoopObserver } from '@cert-tasks/lifecycle';
import type { PublishDueCrls } from '../../application/publish-due-crls.ts';
import type { ReconcileLedger } from '../../application/reconcile-ledger.ts';
import type { RecoverIntents } from '../../application/recover-intents.ts';

/**
 * What every leased job has. One replica runs it at a time; should two overlap, the guards of their writes keep both
 * from harm.
 */
interface JobParts {
  /** A claim to the lease of this name. */
  readonly lease: (name: string) => LeaseHolder;
  readonly observer: LoopObserver;
}

/** A revocation is published a second after it, also where it came to another replica and no word of it did. */
const CRL_POLL_MS = 900;
const RECONCILE_INTERVAL_MS = 30_000;
const MAX_RECOVERY_INTERVAL_MS = 5_000;

/** Publishes CRLs that are due. To be woken after a revocation and a new authority. */
export function crlJob({ lease, observer, publish }: JobParts & { readonly publish: PublishDueCrls }): LeasedLoop {
  return new LeasedLoop({
    name: 'crl',
    holder: lease('crl'),
    intervalMs: CRL_POLL_MS,
    backoff: { baseMs: 200, maxMs: 2_000 },
    observer,
    run: async ({ signal }) => ((await publish.run(signal)) > 0 ? 'again' : 'idle'),
  });
}

/** Ends intents that were left open for longer than `afterMs`. */
export function recoveryJob(
  parts: JobParts & { readonly recover: RecoverIntents; readonly afterMs: number },
): LeasedLoop {
  const { lease, observer, recover, afterMs } = parts;
  return new LeasedLoop({
    name: 'recovery',
    holder: lease('recovery'),
    intervalMs: Math.max(100, Math.min(MAX_RECOVERY_INTERVAL_MS, afterMs / 3)),
    observer,
    run: async ({ signal }) => {
      await recover.run(signal);
      return 'idle';
    },
  });
}

/** Compares signer's ledger with the intents. */
export function reconciliationJob(parts: JobParts & { readonly reconcile: ReconcileLedger }): LeasedLoop {
  const { lease, observer, reconcile } = parts;
  return new LeasedLoop({
    name: 'reconciliation',
    holder: lease('reconciliation'),
    intervalMs: RECONCILE_INTERVAL_MS,
    observer,
    run: async () => ((await reconcile.run()) ? 'again' : 'idle'),
  });
}
