import { createServer, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { sleep } from '@cert-tasks/kernel';
import type { Service } from '@cert-tasks/lifecycle';
import type { Logger, Metrics } from '@cert-tasks/telemetry';
import { listenOn } from '../listener/listen-on.ts';
import { ListenerError } from '../listener/listener-error.ts';
import { SocketSet } from '../listener/socket-set.ts';

/** One thing without which a service cannot do its work. */
export interface ReadinessCheck {
  /** Stands in the answer. */
  readonly name: string;
  /** Rejects when it is not there. The signal aborts when the answer would come too late. */
  readonly check: (signal: AbortSignal) => Promise<void>;
  /** Default 2 s. */
  readonly timeoutMs?: number;
}

/** Options of {@link OpsListener}. */
export interface OpsListenerOptions {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  readonly checks: readonly ReadinessCheck[];
  readonly metrics: Metrics;
  readonly log: Logger;
}

/** Probes of many replicas and people share an answer that is no older than this. */
const READY_CACHE_MS = 500;
const MAX_CONNECTIONS = 100;

interface Readiness {
  readonly isReady: boolean;
  readonly checks: Readonly<Record<string, 'ok' | 'failed'>>;
}

/**
 * What probes and Prometheus ask, over plain HTTP: `/health` (the process lives), `/ready` (every check passes: 200, else
 * 503, with the name of what failed and no more) and `/metrics`.
 */
export class OpsListener implements Service {
  readonly name = 'ops listener';
  readonly #options: OpsListenerOptions;
  readonly #sockets = new SocketSet();
  #server: Server | undefined;
  #answer: { readonly atMs: number; readonly readiness: Promise<Readiness> } | undefined;

  constructor(options: OpsListenerOptions) {
    this.#options = options;
  }

  /** The port that it listens on. @throws ListenerError `not-started`. */
  get port(): number {
    const address = this.#server?.address();
    if (typeof address !== 'object' || address === null) {
      throw new ListenerError('not-started', 'The ops listener has no port before it is started.');
    }
    return address.port;
  }

  /** @throws ListenerError `address-in-use` or `cannot-listen`. */
  async start(): Promise<void> {
    if (this.#server !== undefined) return;
    const server = createServer(
      { headersTimeout: 5_000, requestTimeout: 10_000, keepAliveTimeout: 60_000 },
      (request, response) => {
        this.#respond(request.method ?? '', request.url ?? '', response).catch((err: unknown) => {
          this.#options.log.error({ err }, 'a request of the ops listener failed');
          if (!response.headersSent) response.writeHead(500);
          response.end();
        });
      },
    );
    server.maxConnections = MAX_CONNECTIONS;
    server.on('connection', (socket: Socket) => this.#sockets.add(socket));
    const { host, port } = this.#options;
    await listenOn(server, { host, port, name: this.name });
    this.#server = server;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeIdleConnections();
    await this.#sockets.endedWithin(1_000);
    this.#sockets.destroyAll();
    await closed;
    this.#server = undefined;
  }

  async #respond(method: string, url: string, response: ServerResponse): Promise<void> {
    response.setHeader('cache-control', 'no-store');
    response.setHeader('x-content-type-options', 'nosniff');
    if (method !== 'GET' && method !== 'HEAD') return reply(response, 405, { error: 'GET only' });
    switch (url.split('?', 1)[0]) {
      case '/health':
        return reply(response, 200, { status: 'ok' });
      case '/ready': {
        const { isReady, checks } = await this.#readiness();
        return reply(response, isReady ? 200 : 503, { status: isReady ? 'ready' : 'not ready', checks });
      }
      case '/metrics': {
        const text = await this.#options.metrics.render();
        response.writeHead(200, { 'content-type': this.#options.metrics.contentType });
        response.end(text);
        return;
      }
      default:
        return reply(response, 404, { error: 'not found' });
    }
  }

  #readiness(): Promise<Readiness> {
    const nowMs = performance.now();
    if (this.#answer === undefined || nowMs - this.#answer.atMs > READY_CACHE_MS) {
      this.#answer = { atMs: nowMs, readiness: this.#runChecks() };
    }
    return this.#answer.readiness;
  }

  async #runChecks(): Promise<Readiness> {
    const results = await Promise.all(
      this.#options.checks.map(async (check) => [check.name, await this.#passes(check)] as const),
    );
    return {
      isReady: results.every(([, isOk]) => isOk),
      checks: Object.fromEntries(results.map(([name, isOk]) => [name, isOk ? 'ok' : 'failed'])),
    };
  }

  async #passes({ name, check, timeoutMs = 2_000 }: ReadinessCheck): Promise<boolean> {
    const timeUp = new AbortController();
    const done = new AbortController();
    try {
      const late = sleep(timeoutMs, done.signal).then(() => {
        const error = new DOMException(`${name} took longer than ${timeoutMs} ms.`, 'TimeoutError');
        timeUp.abort(error);
        throw error;
      });
      await Promise.race([check(timeUp.signal), late]);
      return true;
    } catch (err) {
      this.#options.log.warn({ err, check: name }, 'a readiness check failed');
      return false;
    } finally {
      done.abort();
    }
  }
}

function reply(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify(body)}\n`);
}
