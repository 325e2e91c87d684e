import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { ErrorInfoSchema } from '@cert-tasks/contracts/google/rpc';
import {
  type BatchSignRequestSchema,
  BatchSignResponseSchema,
  ResolveIntentResponseSchema,
  type SignItemSchema,
  type SigningService,
  type SignOutcomeSchema,
} from '@cert-tasks/contracts/signer/v1';
import { type GrpcClient, RpcError, type RpcErrorInit } from '@cert-tasks/rpc';
import { describe, expect, it } from 'vitest';
import type { SigningOrder } from '../../application/ports/signing-backend.ts';
import { SignerBackend } from './signer-backend.ts';

type Item = MessageInitShape<typeof SignItemSchema>;
type Outcome = MessageInitShape<typeof SignOutcomeSchema>;
type Batch = readonly Item[];

function backend(answer: (batch: Batch) => readonly Outcome[]) {
  const batches: Batch[] = [];
  const client = {
    batchSign: async (request: MessageInitShape<typeof BatchSignRequestSchema>) => {
      const items = [...(request.items ?? [])];
      batches.push(items);
      return create(BatchSignResponseSchema, { outcomes: [...answer(items)] });
    },
    resolveIntent: () => Promise.reject(new Error('not asked for')),
    signCheckpoint: () => Promise.reject(new Error('not asked for')),
    listLedgerEntries: () => Promise.reject(new Error('not asked for')),
    close: () => undefined,
  } satisfies GrpcClient<typeof SigningService>;
  return { batches, client, signer: new SignerBackend({ client }) };
}

function order(intentId: string, changes: Partial<SigningOrder> = {}): SigningOrder {
  return {
    intentId,
    keyName: 'projects/p/keys/k',
    kind: 'certificate',
    tbs: new TextEncoder().encode(intentId),
    ...changes,
  };
}

const signed = ({ intentId = '', tbs = new Uint8Array() }: Item): Outcome => ({
  outcome: { case: 'signature', value: { intentId, signature: tbs } },
});
const failed = (code: number, reason: string): Outcome => ({
  outcome: {
    case: 'error',
    value: {
      code,
      message: 'no',
      details: [anyPack(ErrorInfoSchema, create(ErrorInfoSchema, { reason, domain: 'certtasks.signer' }))],
    },
  },
});
const rpcError = (rpcCode: RpcErrorInit['rpcCode']): RpcError => new RpcError({ method: 'm', rpcCode, message: 'm' });

describe('SignerBackend', () => {
  it('lets certificates share a call, and gives each its own answer', async () => {
    const { signer, batches } = backend((batch) =>
      batch.map((item) => (item.intentId === 'b' ? failed(9, 'KEY_DISABLED') : signed(item))),
    );
    const results = await Promise.allSettled(['a', 'b', 'c'].map((id) => signer.sign(order(id))));
    expect(batches.map((batch) => batch.length)).toEqual([3]);
    expect(results[0]).toEqual({ status: 'fulfilled', value: order('a').tbs });
    expect(results[2]).toEqual({ status: 'fulfilled', value: order('c').tbs });
    expect(results[1]).toMatchObject({
      reason: { code: 'issuance-refused', metadata: { signer_reason: 'KEY_DISABLED' } },
    });
  });

  it('bounds a call to 64 certificates, and sends a CRL alone', async () => {
    const { signer, batches } = backend((batch) => batch.map(signed));
    const certificates = Array.from({ length: 130 }, (_, index) => signer.sign(order(`c${index}`)));
    await Promise.all([...certificates, signer.sign(order('crl', { kind: 'crl' }))]);
    const sizes = batches.map((batch) => batch.length).toSorted((a, b) => a - b);
    expect(sizes.reduce((sum, size) => sum + size)).toBe(131);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(64);
    expect(batches.find((batch) => batch.some(({ intentId }) => intentId === 'crl'))).toHaveLength(1);
  });

  it('names an intent once in a call, and answers both that carry it', async () => {
    const { signer, batches } = backend((batch) => batch.map(signed));
    const [first, second] = await Promise.all([signer.sign(order('a')), signer.sign(order('a'))]);
    expect(batches.map((batch) => batch.length)).toEqual([1]);
    expect(first).toEqual(second);
  });

  it('takes for open what settles nothing: other intents, too few answers, codes that pass', async () => {
    const wrongIntent = backend((batch) => batch.map(() => signed({ intentId: 'z' })));
    const tooFew = backend(() => []);
    const busy = backend((batch) => batch.map(() => failed(14, 'DATABASE_UNAVAILABLE')));
    const odd = backend((batch) => batch.map(() => failed(2, 'X')));
    for (const { signer } of [wrongIntent, tooFew, busy, odd]) {
      await expect(signer.sign(order('a'))).rejects.toMatchObject({ code: 'signer-unavailable', retryAfterMs: 1_000 });
    }
  });

  it('maps failed calls: what is for good refuses a lone item, and says nothing of several', async () => {
    for (const code of [
      'UNAVAILABLE',
      'DEADLINE_EXCEEDED',
      'CANCELLED',
      'INTERNAL',
      'ABORTED',
      'RESOURCE_EXHAUSTED',
      'PERMISSION_DENIED',
    ] as const) {
      const { signer } = backend(() => {
        throw rpcError(code);
      });
      await expect(signer.sign(order('a')), code).rejects.toMatchObject({ code: 'signer-unavailable' });
    }
    for (const code of ['FAILED_PRECONDITION', 'INVALID_ARGUMENT', 'NOT_FOUND', 'ALREADY_EXISTS'] as const) {
      const { signer } = backend(() => {
        throw rpcError(code);
      });
      await expect(signer.sign(order('a')), code).rejects.toMatchObject({ code: 'issuance-refused' });
      const several = await Promise.allSettled([signer.sign(order('a')), signer.sign(order('b'))]);
      expect(several).toMatchObject([
        { reason: { code: 'signer-unavailable' } },
        { reason: { code: 'signer-unavailable' } },
      ]);
    }
  });

  it('resolves an intent, and takes every failure for signer being away', async () => {
    const { client } = backend(() => []);
    const resolving = (answer: () => Promise<MessageInitShape<typeof ResolveIntentResponseSchema>>) =>
      new SignerBackend({
        client: { ...client, resolveIntent: async () => create(ResolveIntentResponseSchema, await answer()) },
      }).resolve({ intentId: 'a', keyName: 'k' });
    const signature = new Uint8Array([1]);
    expect(
      await resolving(async () => ({ outcome: { case: 'signature', value: { intentId: 'a', signature } } })),
    ).toEqual({
      outcome: 'signed',
      signature,
    });
    expect(await resolving(async () => ({ outcome: { case: 'voided', value: {} } }))).toEqual({ outcome: 'voided' });
    for (const answer of [
      async () => ({}),
      async () => ({ outcome: { case: 'signature', value: { intentId: 'other', signature } } }) as const,
      () => Promise.reject(rpcError('NOT_FOUND')),
    ]) {
      await expect(resolving(answer)).rejects.toMatchObject({ code: 'signer-unavailable' });
    }
  });
});
