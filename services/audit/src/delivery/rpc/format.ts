import { fromJson, type JsonValue, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { AuditEntrySchema, CheckpointSchema } from '@cert-tasks/contracts/audit/v1';
import { EventSchema } from '@cert-tasks/contracts/event/v1';
import { formatResourceName } from '@cert-tasks/kernel';
import type { PublishedCheckpoint } from '../../domain/checkpoint.ts';
import type { StoredEntry } from '../../domain/entry-query.ts';

/** An entry for its reader. */
export function formatEntry(entry: StoredEntry): MessageInitShape<typeof AuditEntrySchema> {
  const { index, leafData, body, integratedAt, project, eventId } = entry;
  return {
    name: formatResourceName('projects/{project}/auditEntries/{event}', { project, event: eventId }),
    index,
    leafData,
    integrateTime: timestampFromDate(integratedAt),
    ...(body !== undefined && {
      canonicalEvent: body.canonicalEvent,
      salt: body.salt,
      event: formatEvent(body.canonicalEvent),
    }),
  };
}

/** The canonical form is the JSON form of the message, so that the message is read from what was committed to. */
function formatEvent(canonicalEvent: string) {
  const json: JsonValue = JSON.parse(canonicalEvent);
  return fromJson(EventSchema, json, { ignoreUnknownFields: true });
}

/** A checkpoint for its reader. */
export function formatCheckpoint(checkpoint: PublishedCheckpoint): MessageInitShape<typeof CheckpointSchema> {
  const { origin, size, root, signedNote, verifierKey, signedAt } = checkpoint;
  return { origin, treeSize: size, rootHash: root, signedNote, verifierKey, signTime: timestampFromDate(signedAt) };
}
