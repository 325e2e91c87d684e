import { type DescMethod, fromBinary, type Message, toBinary } from '@bufbuild/protobuf';
import {
  Metadata,
  type Server,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
} from '@grpc/grpc-js';
import type { IncomingCall } from '../pipeline/incoming-call.ts';
import type { Pipeline } from '../pipeline/pipeline.ts';
import type { ServedMethod } from '../pipeline/served-method.ts';
import { malformedMessage, toGrpcStatus } from './grpc-status.ts';

/** What TLS and TCP tell of a connection, by the peer's `address:port`, which is unique while it is open. */
export interface PeerIdentity {
  readonly address: string;
  readonly subjectAltName: string | undefined;
}

type Call<Kind> = Kind & { on(event: 'cancelled', listener: () => void): unknown };
type Unary = Call<ServerUnaryCall<Buffer, Buffer>>;
type ClientStream = Call<ServerReadableStream<Buffer, Buffer>>;
type ServerStream = Call<ServerWritableStream<Buffer, Buffer>>;
type Bidi = Call<ServerDuplexStream<Buffer, Buffer>>;

const KINDS = {
  unary: 'unary',
  client_streaming: 'clientStream',
  server_streaming: 'serverStream',
  bidi_streaming: 'bidi',
} as const satisfies Record<DescMethod['methodKind'], string>;

/** Bytes pass grpc-js as they are: the pipeline parses them after it knows who sent them. */
const asItIs = (bytes: Buffer): Buffer => bytes;

/** Registers the RPCs of a pipeline. */
export function registerMethods(
  server: Server,
  { pipeline, peers }: { pipeline: Pipeline; peers: ReadonlyMap<string, PeerIdentity> },
): void {
  for (const method of pipeline.methods) {
    const { desc, name } = method;
    server.register(`/${name}`, handlerOf({ pipeline, method, peers }), asItIs, asItIs, KINDS[desc.methodKind]);
  }
}

interface Served {
  readonly pipeline: Pipeline;
  readonly method: ServedMethod;
  readonly peers: ReadonlyMap<string, PeerIdentity>;
}

function handlerOf(served: Served) {
  const { desc } = served.method;
  switch (desc.methodKind) {
    case 'unary':
      return (call: Unary, callback: sendUnaryData<Buffer>): void =>
        void answerOne(served, { call, callback, read: () => parsed(desc, call.request) });
    case 'client_streaming':
      return (call: ClientStream, callback: sendUnaryData<Buffer>): void =>
        void answerOne(served, { call, callback, read: () => parsedStream(desc, call) });
    case 'server_streaming':
      return (call: ServerStream): void => void answerStream(served, { call, read: () => parsed(desc, call.request) });
    case 'bidi_streaming':
      return (call: Bidi): void => void answerStream(served, { call, read: () => parsedStream(desc, call) });
  }
}

async function answerOne(
  served: Served,
  exchange: {
    call: Unary | ClientStream;
    callback: sendUnaryData<Buffer>;
    read: () => Message | AsyncIterable<Message>;
  },
): Promise<void> {
  const { call, callback, read } = exchange;
  try {
    const open = await served.pipeline.open(served.method, incomingCall(call, served.peers));
    callback(null, await open.unary(read, (response) => encoded(served.method.desc, response)));
  } catch (error) {
    callback(toGrpcStatus(error));
  }
}

async function answerStream(
  served: Served,
  { call, read }: { call: ServerStream | Bidi; read: () => Message | AsyncIterable<Message> },
): Promise<void> {
  try {
    const open = await served.pipeline.open(served.method, incomingCall(call, served.peers));
    for await (const bytes of open.stream(read, (response) => encoded(served.method.desc, response))) {
      if (call.cancelled) return;
      if (!call.write(bytes)) await writable(call);
    }
    call.end();
  } catch (error) {
    call.emit('error', toGrpcStatus(error));
  }
}

/** Resolves when the peer has room again, or is gone. */
function writable(call: ServerStream | Bidi): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      call.off('drain', done);
      call.off('cancelled', done);
      resolve();
    };
    call.on('drain', done);
    call.on('cancelled', done);
    if (call.cancelled) done();
  });
}

function incomingCall(
  call: Unary | ClientStream | ServerStream | Bidi,
  peers: ReadonlyMap<string, PeerIdentity>,
): IncomingCall {
  const peer = peers.get(call.getPeer());
  const deadline = call.getDeadline();
  const deadlineMs = typeof deadline === 'number' ? deadline : deadline.getTime();
  const header = (name: string): string | undefined => {
    const values = call.metadata.get(name);
    const [value] = values;
    return values.length === 1 && typeof value === 'string' ? value : undefined;
  };
  return {
    credentials: { authorization: header('authorization'), peerSubjectAltName: peer?.subjectAltName },
    peerAddress: peer?.address ?? '',
    timeoutMs: Number.isFinite(deadlineMs) ? deadlineMs - Date.now() : undefined,
    header,
    setResponseHeader(name, value) {
      const metadata = new Metadata();
      metadata.set(name, value);
      call.sendMetadata(metadata);
    },
    onCancel(listener) {
      if (call.cancelled) listener();
      else call.on('cancelled', listener);
    },
  };
}

function encoded({ output }: DescMethod, response: Message): Buffer {
  const bytes = toBinary(output, response);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function parsed({ input }: DescMethod, bytes: Uint8Array): Message {
  try {
    return fromBinary(input, bytes);
  } catch (cause) {
    throw malformedMessage(cause);
  }
}

async function* parsedStream(method: DescMethod, requests: ClientStream | Bidi): AsyncGenerator<Message> {
  // A stream destroyed at the end of its requests could not be answered any more.
  for await (const bytes of requests.iterator({ destroyOnReturn: false })) yield parsed(method, bytes);
}
