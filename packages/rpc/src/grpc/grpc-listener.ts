import { createServer as createNetServer, type Server as NetServer, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import type { Service } from '@cert-tasks/lifecycle';
import { type ConnectionInjector, Server, ServerCredentials } from '@grpc/grpc-js';
import { isLoopback, listenOn } from '../listener/listen-on.ts';
import { ListenerError } from '../listener/listener-error.ts';
import { SocketSet } from '../listener/socket-set.ts';
import type { Pipeline } from '../pipeline/pipeline.ts';
import { type PeerIdentity, registerMethods } from './grpc-methods.ts';

/** Certificate, key and trust of one side of a mutual TLS connection, in PEM. */
export interface MutualTls {
  /** The certificates that the other side's chain must lead to: the transport CA, and nothing else. */
  readonly caPem: string;
  /** Our own certificate, then its chain. */
  readonly certPem: string;
  readonly keyPem: string;
}

/** Options of {@link GrpcListener}. */
export interface GrpcListenerOptions {
  readonly pipeline: Pipeline;
  /** An address or host name of this machine. */
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  /**
   * Mutual TLS 1.3: a client without a certificate of the transport CA is turned away in the handshake. An internal
   * listener MUST have it; without it the listener talks plain text, on loopback only.
   */
  readonly tls?: MutualTls;
  /** Most bytes of one request message. Default 64 MiB, which a CRL may need. */
  readonly maxReceiveBytes?: number;
  /** For the TLS handshake. Default 10 s. */
  readonly handshakeTimeoutMs?: number;
  /** Default 1,000. */
  readonly maxConnections?: number;
  /** Calls at one time on one connection. Default 1,024. */
  readonly maxStreamsPerConnection?: number;
  /** What calls under way get to end in when the listener stops. Default 10 s. */
  readonly drainMs?: number;
}

/** A connection that says nothing is asked this often whether it still lives, and gets this long to answer. */
const KEEPALIVE_MS = 30_000;
const KEEPALIVE_TIMEOUT_MS = 10_000;

/** Clients may ask us as often as our own do. */
const MIN_PING_INTERVAL_MS = 10_000;

const FLUSH_MS = 1_000;

/**
 * Serves a pipeline as gRPC through grpc-js: the fastest way in, and the one by which the platform's services call each
 * other.
 *
 * TLS ends here and not in grpc-js, whose credentials can neither ask for TLS 1.3 nor read a client's certificate once for
 * each connection instead of once for each call.
 */
export class GrpcListener implements Service {
  readonly name: string;
  readonly #options: GrpcListenerOptions;
  readonly #sockets = new SocketSet();
  readonly #peers = new Map<string, PeerIdentity>();
  #running: { readonly acceptor: NetServer; readonly grpc: Server; readonly injector: ConnectionInjector } | undefined;

  constructor(options: GrpcListenerOptions) {
    this.name = `${options.pipeline.listener} gRPC listener`;
    this.#options = options;
  }

  /** The port that it listens on. @throws ListenerError `not-started`. */
  get port(): number {
    const address = this.#running?.acceptor.address();
    if (typeof address !== 'object' || address === null) {
      throw new ListenerError('not-started', `The ${this.name} has no port before it is started.`);
    }
    return address.port;
  }

  /** @throws ListenerError `plain-text-refused`, `address-in-use`, `cannot-listen` or `invalid-tls`. */
  async start(): Promise<void> {
    if (this.#running !== undefined) return;
    const { host, port, tls, pipeline, maxConnections = 1_000 } = this.#options;
    if (tls === undefined && (pipeline.listener === 'internal' || !isLoopback(host))) {
      throw new ListenerError(
        'plain-text-refused',
        `The ${this.name} on ${host} would talk in plain text. Give it a certificate, a key and the transport CA.`,
      );
    }
    pipeline.resume();
    const grpc = this.#grpcServer();
    // Sockets come to grpc-js as plain ones: what is secret has been dealt with before.
    const injector = grpc.createConnectionInjector(ServerCredentials.createInsecure());
    const inject = (socket: Socket, subjectAltName: string | undefined): void => {
      this.#remember(socket, subjectAltName);
      injector.injectConnection(socket);
    };
    const acceptor =
      tls === undefined ? createNetServer((socket) => inject(socket, undefined)) : this.#tlsServer(tls, inject);
    acceptor.maxConnections = maxConnections;
    acceptor.on('connection', (socket: Socket) => this.#sockets.add(socket));
    try {
      await listenOn(acceptor, { host, port, name: this.name });
    } catch (error) {
      grpc.forceShutdown();
      throw error;
    }
    this.#running = { acceptor, grpc, injector };
  }

  async stop(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    const { drainMs = 10_000, pipeline } = this.#options;
    const closed = new Promise<void>((resolve) => running.acceptor.close(() => resolve()));
    running.injector.drain(drainMs + FLUSH_MS);
    await pipeline.drain(drainMs);
    await this.#sockets.endedWithin(FLUSH_MS);
    running.grpc.forceShutdown();
    this.#sockets.destroyAll();
    await closed;
    this.#running = undefined;
  }

  #grpcServer(): Server {
    const { pipeline, maxReceiveBytes = 64 * 1_024 * 1_024, maxStreamsPerConnection = 1_024 } = this.#options;
    const grpc = new Server({
      'grpc.max_receive_message_length': maxReceiveBytes,
      'grpc.max_send_message_length': -1,
      'grpc.max_concurrent_streams': maxStreamsPerConnection,
      'grpc.keepalive_time_ms': KEEPALIVE_MS,
      'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
      'grpc.keepalive_permit_without_calls': 1,
      'grpc.http2.min_ping_interval_without_data_ms': MIN_PING_INTERVAL_MS,
      'grpc.enable_channelz': 0,
    });
    registerMethods(grpc, { pipeline, peers: this.#peers });
    return grpc;
  }

  #tlsServer(tls: MutualTls, inject: (socket: TLSSocket, subjectAltName: string | undefined) => void): NetServer {
    try {
      return createTlsServer(
        {
          ca: tls.caPem,
          cert: tls.certPem,
          key: tls.keyPem,
          minVersion: 'TLSv1.3',
          requestCert: true,
          rejectUnauthorized: true,
          ALPNProtocols: ['h2'],
          handshakeTimeout: this.#options.handshakeTimeoutMs ?? 10_000,
        },
        (socket) => {
          if (socket.authorized && socket.alpnProtocol === 'h2')
            inject(socket, socket.getPeerCertificate().subjectaltname);
          else socket.destroy();
        },
      );
    } catch (cause) {
      throw new ListenerError(
        'invalid-tls',
        `The ${this.name} cannot use its certificate, key or CA. Check the files.`,
        {
          cause,
        },
      );
    }
  }

  #remember(socket: Socket, subjectAltName: string | undefined): void {
    const { remoteAddress, remotePort } = socket;
    if (remoteAddress === undefined) return;
    // This is how grpc-js names the peer of a call.
    const key = `${remoteAddress}:${remotePort}`;
    const identity = { address: remoteAddress, subjectAltName };
    this.#peers.set(key, identity);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => {
      // The port may have been taken by a new connection already.
      if (this.#peers.get(key) === identity) this.#peers.delete(key);
    });
  }
}
