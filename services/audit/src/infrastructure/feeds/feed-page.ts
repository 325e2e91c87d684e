import type { ReadEventsResponse } from '@cert-tasks/contracts/event/v1';
import type { FeedPage } from '../../application/ports/event-feed.ts';
import { receivedEvent } from './received-event.ts';

/** A response of a feed as a page. */
export function feedPage(
  source: string,
  { events, lastNumber }: Pick<ReadEventsResponse, 'events' | 'lastNumber'>,
): FeedPage {
  return { events: events.map((event) => receivedEvent(event, { source, number: event.number })), lastNumber };
}
