import { createHash } from 'node:crypto';

/** Whose request it is, and which. */
export interface RequestIdentity {
  /** The project that the request is filed under; empty where it has none. */
  readonly project: string;
  /** The caller, with its kind: a user and a service of the same name are two. */
  readonly principal: string;
  /** The RPC, such as `certtasks.cert.v1.CertificateService/IssueCertificate`. */
  readonly method: string;
  /** As the caller gave it; empty when it gave none. */
  readonly requestId: string;
}

/**
 * The key under which a request is remembered: SHA-256 (32 bytes) over project, principal, method and request id, each
 * after its length, so that no two different requests run together. Undefined when the caller gave no id: such a request
 * is not remembered.
 */
export function requestKey({ project, principal, method, requestId }: RequestIdentity): Uint8Array | undefined {
  if (requestId === '') return undefined;
  const hash = createHash('sha256');
  const length = new DataView(new ArrayBuffer(4));
  for (const part of [project, principal, method, requestId]) {
    const bytes = Buffer.from(part, 'utf8');
    length.setUint32(0, bytes.length);
    hash.update(new Uint8Array(length.buffer)).update(bytes);
  }
  return new Uint8Array(hash.digest());
}

/** SHA-256 (32 bytes) of a request's canonical encoding, which MUST leave out its request id and nothing else. */
export function requestHash(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(bytes).digest());
}
