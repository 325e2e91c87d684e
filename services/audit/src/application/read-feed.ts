import { AuditError } from '../domain/errors.ts';
import type { EventFeed } from './ports/event-feed.ts';
import type { SourceIntake } from './source-intake.ts';

const PAGE_SIZE = 1_000;

/**
 * Reads the next page of a source's feed into its intake, waiting for a first event as long as is said. Returns how many
 * events came.
 *
 * @throws AuditError `feed-unavailable`; `feed-broken`: events are missing in the feed, or it has fewer than the log.
 */
export async function readFeed(
  { feed, intake }: { readonly feed: EventFeed; readonly intake: SourceIntake },
  { waitMs, signal }: { readonly waitMs: number; readonly signal: AbortSignal },
): Promise<number> {
  // Of the moment of the question: what is pushed while the answer is under way may be newer than the answer.
  const { heldEnd: after, position } = intake;
  const page = await feed.read({ after, limit: PAGE_SIZE, waitMs, signal });
  if (page.lastNumber < position) throw feedBehind(intake.source, { position, lastNumber: page.lastNumber });
  const misplaced = page.events.findIndex(({ number }, i) => number !== after + 1n + BigInt(i));
  // What stands before the missing number is good and is taken.
  const good = misplaced === -1 ? page.events : page.events.slice(0, misplaced);
  intake.read({ events: good, lastNumber: page.lastNumber });
  if (misplaced !== -1) throw eventMissing(intake.source, after + 1n + BigInt(misplaced));
  return good.length;
}

function feedBehind(
  source: string,
  { position, lastNumber }: { readonly position: bigint; readonly lastNumber: bigint },
): AuditError {
  return new AuditError(
    'feed-broken',
    `${source} has given ${lastNumber} numbers to events, but the log has ${position} of its events.`,
    { advice: `Was the database of ${source} restored from an older backup? Follow docs/adr/0009-restore.md.` },
  );
}

function eventMissing(source: string, number: bigint): AuditError {
  return new AuditError('feed-broken', `The feed of ${source} lacks event ${number}.`, {
    advice: 'Somebody removed it from the outbox: restore it, for no later event of this source is taken without it.',
  });
}
