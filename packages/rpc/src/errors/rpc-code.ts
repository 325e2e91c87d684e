/** The status codes of gRPC by name; Connect and gRPC share their numbers. */
export const RPC_CODE_NUMBERS = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

/** How a call ended, success included. */
export type RpcOutcome = keyof typeof RPC_CODE_NUMBERS;

/** Why a call failed: the codes of gRPC without OK. */
export type RpcCode = Exclude<RpcOutcome, 'OK'>;

const NAMES: ReadonlyMap<number, RpcCode> = new Map(
  Object.entries(RPC_CODE_NUMBERS)
    .filter((entry): entry is [RpcCode, (typeof RPC_CODE_NUMBERS)[RpcCode]] => entry[0] !== 'OK')
    .map(([name, number]) => [number, name]),
);

/** The name of a status number that came over the wire; a number that gRPC does not know is UNKNOWN. */
export function rpcCodeOf(number: number): RpcCode {
  return NAMES.get(number) ?? 'UNKNOWN';
}
