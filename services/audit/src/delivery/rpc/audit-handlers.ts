import type { AuditService } from '@cert-tasks/contracts/audit/v1';
import { eventActor } from '@cert-tasks/host';
import { type CallContext, encodePageToken, type Handlers } from '@cert-tasks/rpc';
import { getCheckpoint } from '../../application/get-checkpoint.ts';
import { getEntry } from '../../application/get-entry.ts';
import { listEntries } from '../../application/list-entries.ts';
import type { CheckpointStore } from '../../application/ports/checkpoint-store.ts';
import type { LogReader } from '../../application/ports/log-reader.ts';
import { proveConsistency } from '../../application/prove-consistency.ts';
import { proveInclusion } from '../../application/prove-inclusion.ts';
import type { ReadTally } from '../../application/read-tally.ts';
import { formatCheckpoint, formatEntry } from './format.ts';
import { pagedQuery, parseEntryName, parseQuery } from './parse.ts';

/** What the handlers work with. */
export interface AuditHandlersDependencies {
  readonly log: LogReader;
  readonly checkpoints: CheckpointStore;
  readonly reads: ReadTally;
}

/** Handlers of certtasks.audit.v1.AuditService. What tells of a project's entries is counted as a read of the log. */
export function auditHandlers({ log, checkpoints, reads }: AuditHandlersDependencies): Handlers<typeof AuditService> {
  const read = (ctx: CallContext, project: string): void => {
    reads.count({
      actor: { roles: [], ...eventActor({ principal: ctx.principal, project }) },
      project,
      method: ctx.method,
      peerAddress: ctx.peer.address,
      userAgent: ctx.userAgent ?? '',
    });
  };
  return {
    async listAuditEntries(ctx, request) {
      const query = parseQuery(request);
      const { entries, next } = await listEntries(log, query);
      read(ctx, query.project);
      return {
        entries: entries.map(formatEntry),
        nextPageToken: next === undefined ? '' : encodePageToken({ index: next.toString() }, pagedQuery(request)),
      };
    },

    async getAuditEntry(ctx, request) {
      const name = parseEntryName(request.name);
      const entry = await getEntry(log, name);
      read(ctx, name.project);
      return { entry: formatEntry(entry) };
    },

    async getCheckpoint() {
      return { checkpoint: formatCheckpoint(await getCheckpoint(checkpoints)) };
    },

    async getInclusionProof(ctx, { name, treeSize }) {
      const entryName = parseEntryName(name);
      const { entry, checkpoint, hashes, tlogProof } = await proveInclusion(
        { log, checkpoints },
        { ...entryName, treeSize },
      );
      read(ctx, entryName.project);
      return {
        index: entry.index,
        leafData: entry.leafData,
        hashes: [...hashes],
        checkpoint: formatCheckpoint(checkpoint),
        tlogProof,
      };
    },

    async getConsistencyProof(_ctx, { oldSize, newSize }) {
      const proof = await proveConsistency({ log, checkpoints }, { oldSize, newSize });
      return { hashes: [...proof.hashes], newSize: proof.newSize };
    },
  };
}
