export type { Authenticate, CallCredentials } from './authentication/authenticate.ts';
export { AuthenticationError, type AuthenticationErrorCode } from './authentication/authentication-error.ts';
export type { JwksLocation } from './authentication/jwks-source.ts';
export { type JwtAuthenticatorOptions, jwtAuthenticator } from './authentication/jwt-authenticator.ts';
export { mtlsAuthenticator } from './authentication/mtls-authenticator.ts';
export {
  type AnonymousPrincipal,
  isServiceName,
  type Principal,
  principalId,
  SERVICE_NAMES,
  type ServiceName,
  type ServicePrincipal,
  type UserPrincipal,
} from './authentication/principal.ts';
export type { ListenerName } from './authorization/access-policy.ts';
export { ALL_PROJECTS } from './authorization/authorize.ts';
export { isRole, PERMISSIONS, type Permission, ROLES, type Role } from './authorization/roles.ts';
export type { RpcCallOptions, RpcClient, RpcMethod } from './client/rpc-client.ts';
export { ConnectListener, type ConnectListenerOptions } from './connect/connect-listener.ts';
export { type ConnectClient, type ConnectClientOptions, createConnectClient } from './connect/create-connect-client.ts';
export { CallError, type CallErrorCode } from './errors/call-error.ts';
export { type ErrorMapping, type ErrorMappingOptions, errorMapping } from './errors/error-mapping.ts';
export type { RpcCode, RpcOutcome } from './errors/rpc-code.ts';
export { RpcError, type RpcErrorCode, type RpcErrorInit } from './errors/rpc-error.ts';
export { RpcInputError, type RpcInputErrorCode } from './errors/rpc-input-error.ts';
export type { FieldViolation } from './errors/rpc-status.ts';
export { decodePageToken, encodePageToken, type PageCursor, type PagedQuery, pageSizeOf } from './filter/page-token.ts';
export { type FilterField, type FilterOperator, type FilterTerm, parseFilter } from './filter/parse-filter.ts';
export { type OrderBy, parseOrderBy } from './filter/parse-order-by.ts';
export { createGrpcClient, type GrpcClient, type GrpcClientOptions } from './grpc/create-grpc-client.ts';
export { GrpcListener, type GrpcListenerOptions, type MutualTls } from './grpc/grpc-listener.ts';
export { HealthService } from './health/health-service.ts';
export { ListenerError, type ListenerErrorCode } from './listener/listener-error.ts';
export { OpsListener, type OpsListenerOptions, type ReadinessCheck } from './ops/ops-listener.ts';
export { type BoundService, bindService, type Handler, type Handlers } from './pipeline/bound-service.ts';
export type { CallContext, CallPeer } from './pipeline/call-context.ts';
export type { CallLimits } from './pipeline/call-limits.ts';
export { createPipeline, type Pipeline, type PipelineOptions } from './pipeline/pipeline.ts';
export type { OnRefusal, Refusal } from './pipeline/refusals.ts';
export type { RateLimit } from './pipeline/token-buckets.ts';
export { type ReflectionOptions, reflectionServices } from './reflection/reflection-services.ts';
