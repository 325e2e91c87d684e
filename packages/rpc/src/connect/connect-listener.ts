import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import {
  createServer as createHttp2Server,
  createSecureServer,
  type Http2Server,
  type ServerHttp2Session,
} from 'node:http2';
import { createServer as createNetServer, type Server as NetServer, type Socket } from 'node:net';
import type { Service } from '@cert-tasks/lifecycle';
import { isLoopback, listenOn } from '../listener/listen-on.ts';
import { ListenerError } from '../listener/listener-error.ts';
import { SocketSet } from '../listener/socket-set.ts';
import type { Pipeline } from '../pipeline/pipeline.ts';
import { httpDispatcher } from './http-dispatcher.ts';
import type { NodeServerRequest, NodeServerResponse } from './http-exchange.ts';
import { closeSessionWhenIdle } from './session-idle.ts';
import { splitByPreface } from './split-by-preface.ts';

/** Options of {@link ConnectListener}. */
export interface ConnectListenerOptions {
  readonly pipeline: Pipeline;
  /** An address or host name of this machine. */
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** Certificate chain and key in PEM; TLS 1.2 and 1.3. */
  readonly tls?: { readonly certPem: string; readonly keyPem: string };
  /** Allows plain text off loopback, because whoever stands in front of this listener ends TLS. */
  readonly tlsEndsUpstream?: boolean;
  /** Most bytes of one request message, decompressed. Default 4 MiB. */
  readonly readMaxBytes?: number;
  /** Origins whose scripts may call, each as a browser sends it (`https://app.example`). None by default. */
  readonly corsOrigins?: readonly string[];
  /** For a TLS handshake, the first bytes and the headers of a request. Default 10 s. */
  readonly headerTimeoutMs?: number;
  /** A connection without a request is closed after this. Default 2 minutes. */
  readonly idleTimeoutMs?: number;
  /** Default 2,000. */
  readonly maxConnections?: number;
  /** Calls at one time on one HTTP/2 connection. Default 512. */
  readonly maxStreamsPerConnection?: number;
  /** What calls under way get to end in when the listener stops. Default 10 s. */
  readonly drainMs?: number;
}

/** The longest that a whole HTTP/1.1 request may take to arrive: no call has longer. */
const REQUEST_TIMEOUT_MS = 60_000;

/** After the calls have ended, their last bytes get this long to reach the peers. */
const FLUSH_MS = 1_000;

/**
 * Serves a pipeline as gRPC, gRPC-Web and Connect on one port, over HTTP/1.1 and HTTP/2: by ALPN with TLS, by the first
 * bytes of a connection without.
 *
 * Plain text is for loopback, or where TLS ends upstream; elsewhere the listener refuses to start.
 */
export class ConnectListener implements Service {
  readonly name: string;
  readonly #options: ConnectListenerOptions;
  readonly #sockets = new SocketSet();
  readonly #sessions = new Set<ServerHttp2Session>();
  #server: NetServer | undefined;
  #http1: HttpServer | undefined;
  #isDraining = false;

  constructor(options: ConnectListenerOptions) {
    this.name = `${options.pipeline.listener} listener`;
    this.#options = options;
  }

  /** The port that it listens on. @throws ListenerError `not-started`. */
  get port(): number {
    const address = this.#server?.address();
    if (typeof address !== 'object' || address === null) throw notStarted(this.name);
    return address.port;
  }

  /** @throws ListenerError `plain-text-refused`, `address-in-use`, `cannot-listen` or `invalid-tls`. */
  async start(): Promise<void> {
    if (this.#server !== undefined) return;
    const { host, port, tls, tlsEndsUpstream = false, pipeline } = this.#options;
    if (tls === undefined && !tlsEndsUpstream && !isLoopback(host)) {
      throw new ListenerError(
        'plain-text-refused',
        `The ${this.name} on ${host} would talk in plain text. Give it a certificate, or say that TLS ends upstream.`,
      );
    }
    this.#isDraining = false;
    pipeline.resume();
    const server = tls === undefined ? this.#plainServer() : this.#tlsServer(tls);
    server.maxConnections = this.#options.maxConnections ?? 2_000;
    server.on('connection', (socket: Socket) => this.#sockets.add(socket));
    await listenOn(server, { host, port, name: this.name });
    this.#server = server;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#isDraining = true;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const session of this.#sessions) session.close();
    this.#http1?.closeIdleConnections();
    await this.#options.pipeline.drain(this.#options.drainMs ?? 10_000);
    this.#http1?.closeIdleConnections();
    await this.#sockets.endedWithin(FLUSH_MS);
    this.#sockets.destroyAll();
    await closed;
    this.#http1?.close();
    this.#http1 = undefined;
    this.#server = undefined;
  }

  #tlsServer({ certPem, keyPem }: { certPem: string; keyPem: string }): NetServer {
    const { headerTimeoutMs = 10_000, idleTimeoutMs = 120_000 } = this.#options;
    try {
      const server = createSecureServer({
        ...this.#http2Options(),
        cert: certPem,
        key: keyPem,
        minVersion: 'TLSv1.2',
        allowHTTP1: true,
        handshakeTimeout: headerTimeoutMs,
        // These reach the HTTP/1.1 server inside, which the types do not say.
        ...{ headersTimeout: headerTimeoutMs, keepAliveTimeout: idleTimeoutMs, requestTimeout: REQUEST_TIMEOUT_MS },
      });
      server.on('request', this.#dispatcher());
      server.on('session', this.#onSession);
      return server;
    } catch (cause) {
      throw new ListenerError('invalid-tls', `The ${this.name} cannot use its certificate and key. Check both files.`, {
        cause,
      });
    }
  }

  #plainServer(): NetServer {
    const { headerTimeoutMs = 10_000, idleTimeoutMs = 120_000 } = this.#options;
    const dispatch = this.#dispatcher();
    const http1 = createHttpServer(
      {
        headersTimeout: headerTimeoutMs,
        keepAliveTimeout: idleTimeoutMs,
        requestTimeout: REQUEST_TIMEOUT_MS,
        connectionsCheckingInterval: 1_000,
      },
      dispatch,
    );
    const http2: Http2Server = createHttp2Server(this.#http2Options(), dispatch);
    http2.on('session', this.#onSession);
    // Neither server listens by itself, and Node.js begins to watch over header and request timeouts on this event.
    http1.emit('listening');
    this.#http1 = http1;
    return createNetServer((socket) => splitByPreface(socket, { http1, http2, timeoutMs: headerTimeoutMs }));
  }

  #http2Options() {
    return {
      settings: { maxConcurrentStreams: this.#options.maxStreamsPerConnection ?? 512 },
      maxHeaderListPairs: 128,
      maxSettings: 32,
    };
  }

  readonly #onSession = (session: ServerHttp2Session): void => {
    if (this.#isDraining) {
      session.close();
      return;
    }
    this.#sessions.add(session);
    session.once('close', () => this.#sessions.delete(session));
    // A broken connection ends its calls; there is nobody left to tell.
    session.on('error', () => session.destroy());
    closeSessionWhenIdle(session, this.#options.idleTimeoutMs ?? 120_000);
  };

  #dispatcher(): (request: NodeServerRequest, response: NodeServerResponse) => void {
    const {
      pipeline,
      tls,
      tlsEndsUpstream = false,
      readMaxBytes = 4 * 1_024 * 1_024,
      corsOrigins = [],
    } = this.#options;
    return httpDispatcher({
      pipeline,
      readMaxBytes,
      corsOrigins,
      isHttps: tls !== undefined || tlsEndsUpstream,
      isDraining: () => this.#isDraining,
    });
  }
}

function notStarted(name: string): ListenerError {
  return new ListenerError('not-started', `The ${name} has no port before it is started.`);
}
