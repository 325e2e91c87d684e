import type { Call } from '../application/call.ts';

/** A call by cert on the internal listener. */
export function sampleCall(requestId = 'request-1'): Call {
  return {
    actor: { kind: 'service', id: 'cert', roles: [] },
    action: 'certtasks.signer.v1.SigningService/BatchSign',
    requestId,
    traceparent: '',
    peerAddress: '127.0.0.1',
    userAgent: 'test',
  };
}
