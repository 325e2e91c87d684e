import type { KeyService } from '@cert-tasks/contracts/signer/v1';
import { decodePageToken, encodePageToken, type Handlers, pageSizeOf, RpcInputError } from '@cert-tasks/rpc';
import { type CreateKeyDependencies, createKey } from '../../application/create-key.ts';
import { type DisableKeyDependencies, disableKey } from '../../application/disable-key.ts';
import { getKey } from '../../application/get-key.ts';
import { listKeys } from '../../application/list-keys.ts';
import { callOf } from './call-of.ts';
import { formatKey } from './format.ts';
import { keyNameOf, parseCreateKey, parseDisableKey, projectOf } from './parse.ts';

const PAGE_SIZE = { whenZero: 50, most: 1_000 };
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** certtasks.signer.v1.KeyService. */
export function keyHandlers(dependencies: CreateKeyDependencies & DisableKeyDependencies): Handlers<typeof KeyService> {
  const { work } = dependencies;
  return {
    async createKey(ctx, request) {
      return { key: formatKey(await createKey(dependencies, parseCreateKey(request, callOf(ctx)))) };
    },

    async getKey(_ctx, request) {
      return { key: formatKey(await getKey(work, keyNameOf(request.name, 'name'))) };
    },

    async listKeys(_ctx, request) {
      const query = { method: 'ListKeys', parent: request.parent };
      const { keys, nextAfterId } = await listKeys(work, {
        project: projectOf(request.parent),
        afterId: afterIdOf(decodePageToken(request.pageToken, query)),
        limit: pageSizeOf(request.pageSize, PAGE_SIZE),
      });
      return {
        keys: keys.map(formatKey),
        nextPageToken: nextAfterId === undefined ? '' : encodePageToken({ after: nextAfterId }, query),
      };
    },

    async disableKey(ctx, request) {
      return { key: formatKey(await disableKey(dependencies, parseDisableKey(request, callOf(ctx)))) };
    },
  };
}

/** A cursor may have been made up: it is a UUID or it is refused, before it reaches the database. */
function afterIdOf(cursor: Readonly<Record<string, string>> | undefined): string | undefined {
  if (cursor === undefined) return undefined;
  const after = cursor['after'];
  if (after !== undefined && UUID.test(after)) return after;
  throw new RpcInputError('invalid-page-token', 'The page token is not one of ours. Begin without one.', {
    field: 'page_token',
  });
}
