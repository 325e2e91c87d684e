import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { ErrorInfoSchema, type Status } from '@cert-tasks/contracts/google/rpc';
import { type SigningService, type SignOutcome, TbsKind } from '@cert-tasks/contracts/signer/v1';
import { bytesEqual, type CoalescedResult, Coalescer } from '@cert-tasks/kernel';
import type { GrpcClient, RpcCode } from '@cert-tasks/rpc';
import type { IntentResolution, SigningBackend, SigningOrder } from '../../application/ports/signing-backend.ts';
import { CertError } from '../../domain/errors.ts';
import { fromRpcError, fromSigner, signerUnavailable } from './signer-errors.ts';

/** Longest wait for an answer of signer, in ms. */
const DEADLINE_MS = 5_000;

const TBS_KINDS = { certificate: TbsKind.CERTIFICATE, crl: TbsKind.CRL } as const;

/** google.rpc.Code by number, those that signer gives for an item; others leave the item open. */
const ITEM_CODES: ReadonlyMap<number, RpcCode> = new Map([
  [3, 'INVALID_ARGUMENT'],
  [5, 'NOT_FOUND'],
  [6, 'ALREADY_EXISTS'],
  [9, 'FAILED_PRECONDITION'],
]);

/** Signatures from the signer service. Certificates share calls; a CRL, which may be large, goes alone. */
export class SignerBackend implements SigningBackend {
  readonly #client: GrpcClient<typeof SigningService>;
  readonly #certificates: Coalescer<SigningOrder, Uint8Array>;

  constructor(deps: { readonly client: GrpcClient<typeof SigningService> }) {
    this.#client = deps.client;
    this.#certificates = new Coalescer({
      name: 'signer',
      maxBatch: 64,
      maxQueued: 4_096,
      maxInFlight: 4,
      run: (orders) => this.#signBatch(orders),
    });
  }

  async sign(order: SigningOrder): Promise<Uint8Array> {
    if (order.kind === 'certificate') return this.#certificates.submit(order);
    const [result] = await this.#signBatch([order]);
    if (result?.ok === true) return result.value;
    throw result?.error;
  }

  async resolve({ intentId, keyName }: { intentId: string; keyName: string }): Promise<IntentResolution> {
    try {
      const { outcome } = await this.#client.resolveIntent({ intentId, key: keyName }, { deadlineMs: DEADLINE_MS });
      if (outcome.case === 'signature' && outcome.value.intentId === intentId) {
        return { outcome: 'signed', signature: outcome.value.signature };
      }
      if (outcome.case === 'voided') return { outcome: 'voided' };
    } catch (error) {
      throw error instanceof CertError ? error : signerUnavailable(error);
    }
    throw signerUnavailable(`An answer to another question than intent ${intentId}.`);
  }

  /** Takes no further orders and resolves when those taken have ended. */
  close(): Promise<void> {
    return this.#certificates.close();
  }

  async #signBatch(orders: readonly SigningOrder[]): Promise<CoalescedResult<Uint8Array>[]> {
    const items = firstOfEachIntent(orders);
    let outcomes: readonly SignOutcome[];
    try {
      const response = await this.#client.batchSign(
        {
          items: items.map(({ intentId, keyName, kind, tbs }) => ({
            intentId,
            key: keyName,
            kind: TBS_KINDS[kind],
            tbs,
          })),
        },
        { deadlineMs: DEADLINE_MS },
      );
      outcomes = response.outcomes;
    } catch (error) {
      // The call as a whole: nothing was tried, or nobody knows. It says nothing of any single item, unless there is
      // one.
      throw items.length === 1 ? fromRpcError(error, 'issuance-refused') : signerUnavailable(error);
    }
    const results = new Map(items.map((item, index) => [item.intentId, resultOf(item, outcomes[index])]));
    return orders.map((order) => answer(order, { items, results }));
  }
}

/** A call must not name an intent twice; two callers that carry the same one to its end share the answer. */
function firstOfEachIntent(orders: readonly SigningOrder[]): readonly SigningOrder[] {
  const first = new Map<string, SigningOrder>();
  for (const order of orders) if (!first.has(order.intentId)) first.set(order.intentId, order);
  return [...first.values()];
}

function answer(
  order: SigningOrder,
  batch: { items: readonly SigningOrder[]; results: ReadonlyMap<string, CoalescedResult<Uint8Array>> },
): CoalescedResult<Uint8Array> {
  const sent = batch.items.find(({ intentId }) => intentId === order.intentId);
  const isTheSame = sent !== undefined && sent.keyName === order.keyName && bytesEqual(sent.tbs, order.tbs);
  const result = isTheSame ? batch.results.get(order.intentId) : undefined;
  return (
    result ?? {
      ok: false,
      error: signerUnavailable(`Intent ${order.intentId} was asked for with other bytes meanwhile.`),
    }
  );
}

function resultOf({ intentId }: SigningOrder, outcome: SignOutcome | undefined): CoalescedResult<Uint8Array> {
  if (outcome?.outcome.case === 'signature' && outcome.outcome.value.intentId === intentId) {
    return { ok: true, value: outcome.outcome.value.signature };
  }
  if (outcome?.outcome.case === 'error') return { ok: false, error: itemError(outcome.outcome.value) };
  return { ok: false, error: signerUnavailable(`No answer for intent ${intentId}.`) };
}

function itemError({ code, message, details }: Status): CertError {
  const rpcCode = ITEM_CODES.get(code) ?? 'UNKNOWN';
  return fromSigner({ rpcCode, reason: reasonOf(details) ?? rpcCode, message }, 'issuance-refused');
}

function reasonOf(details: Status['details']): string | undefined {
  for (const detail of details) {
    try {
      const info = anyUnpack(detail, ErrorInfoSchema);
      if (info !== undefined) return info.reason;
    } catch {
      // A detail that does not decode says nothing.
    }
  }
  return undefined;
}
