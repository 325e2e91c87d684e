import type { DescMethod } from '@bufbuild/protobuf';
import type { AccessPolicy } from '../authorization/access-policy.ts';
import type { ErasedHandler } from './bound-service.ts';
import type { CallKind } from './call-deadline.ts';

/** An RPC with all that the pipeline knows of it. */
export interface ServedMethod {
  readonly desc: DescMethod;
  /** `certtasks.cert.v1.CertificateService/IssueCertificate`. */
  readonly name: string;
  readonly policy: AccessPolicy;
  readonly kind: CallKind;
  readonly handler: ErasedHandler;
  /** Whether the access option names this listener. */
  readonly isServed: boolean;
}
