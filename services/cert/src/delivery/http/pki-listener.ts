import { hash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Clock } from '@cert-tasks/kernel';
import type { Service } from '@cert-tasks/lifecycle';
import { ListenerError } from '@cert-tasks/rpc';
import type { Logger, Metrics } from '@cert-tasks/telemetry';
import type { ReadPki } from '../../application/read-pki.ts';
import { type CachedResource, PkiCache } from './pki-cache.ts';

/** Options of {@link PkiListener}. */
export interface PkiListenerOptions {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  readonly pki: ReadPki;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

const UUID = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}';
const CRL_PATH = new RegExp(`^/crl/(${UUID})/(0|[1-9][0-9]{0,2})\\.crl$`);
const ISSUER_PATH = new RegExp(`^/aia/(${UUID})\\.cer$`);

/** Other replicas' CRLs are seen after this long. */
const CACHE_TTL_MS = 1_000;
const MAX_CACHED = 1_000;
const MAX_CACHED_BYTES = 64 * 1024 * 1024;

/** A cache in between holds a CRL no longer than this: a revocation is to be seen soon. */
const MAX_CRL_AGE_SECONDS = 60;
/** An authority's certificate never changes under its uid. */
const ISSUER_AGE_SECONDS = 86_400;

const MAX_URL_LENGTH = 256;
const STOP_GRACE_MS = 2_000;

type Kind = 'crl' | 'issuer' | 'other';

/**
 * CRLs and issuer certificates over plain HTTP (RFC 5280, 4.2.1.13 and 4.2.2.1), for anyone. It serves signed data
 * alone, by GET and HEAD, and takes nothing
 * else: headers, URLs, connections and times are bounded, and a request with a body is turned away.
 */
export class PkiListener implements Service {
  readonly name = 'pki listener';
  readonly #options: PkiListenerOptions;
  readonly #server: Server;
  readonly #cache = new PkiCache({
    ttlMs: CACHE_TTL_MS,
    maxEntries: MAX_CACHED,
    maxBytes: MAX_CACHED_BYTES,
    nowMs: () => performance.now(),
  });
  readonly #count: (kind: Kind, status: number) => void;

  constructor(options: PkiListenerOptions) {
    this.#options = options;
    this.#server = createServer(
      {
        maxHeaderSize: 4_096,
        headersTimeout: 5_000,
        requestTimeout: 10_000,
        keepAliveTimeout: 5_000,
        connectionsCheckingInterval: 1_000,
      },
      (request, response) => void this.#serve(request, response),
    );
    this.#server.maxHeadersCount = 64;
    this.#server.maxConnections = 2_048;
    this.#server.maxRequestsPerSocket = 1_000;
    // A client that reads nothing does not hold its connection.
    this.#server.setTimeout(30_000);
    const requests = options.metrics.counter({
      name: 'certtasks_pki_requests_total',
      help: 'Requests for CRLs and issuer certificates, by kind and status.',
      labels: ['kind', 'status'],
    });
    this.#count = (kind, status) => requests.inc({ kind, status: String(status) });
  }

  /** Where it listens. @throws ListenerError `not-started`. */
  get port(): number {
    const address = this.#server.address();
    if (isAddress(address)) return address.port;
    throw new ListenerError('not-started', 'The pki listener has no port before it is started.');
  }

  /** @throws ListenerError `address-in-use` or `cannot-listen`. */
  start(): Promise<void> {
    if (this.#server.listening) return Promise.resolve();
    const { host, port } = this.#options;
    return new Promise((resolve, reject) => {
      const refuse = (cause: Error): void => {
        const isInUse = 'code' in cause && cause.code === 'EADDRINUSE';
        const message = isInUse
          ? `The pki listener: port ${port} of ${host} is in use. Stop what uses it, or choose another by CERT_PKI_PORT.`
          : `The pki listener: it cannot listen on ${host}, port ${port}. Check CERT_PKI_HOST and CERT_PKI_PORT.`;
        reject(new ListenerError(isInUse ? 'address-in-use' : 'cannot-listen', message, { cause }));
      };
      this.#server.once('error', refuse);
      this.#server.listen({ host, port }, () => {
        this.#server.off('error', refuse);
        resolve();
      });
    });
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    const cut = setTimeout(() => this.#server.closeAllConnections(), STOP_GRACE_MS);
    await closed;
    clearTimeout(cut);
  }

  /** This process has published a CRL: the next request reads it. */
  published({ authorityUid, shard }: { authorityUid: string; shard: number }): void {
    this.#cache.forget(`/crl/${authorityUid}/${shard}.crl`);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { url = '', method = '' } = request;
    const refusal = refusalOf(request);
    if (refusal !== undefined) {
      // What may follow on this connection is not known to be a request.
      response.setHeader('connection', 'close');
      if (refusal === 405) response.setHeader('allow', 'GET, HEAD');
      return this.#end(response, { kind: 'other', status: refusal });
    }
    const kind = kindOf(url);
    try {
      const resource = kind === 'other' ? undefined : await this.#cache.get(url, () => this.#load(url));
      if (resource?.body === undefined) return this.#end(response, { kind, status: 404 });
      this.#answer({ request, response, kind, resource, body: method === 'HEAD' ? undefined : resource.body });
    } catch (err) {
      this.#options.log.warn({ err, kind }, 'a pki resource could not be read');
      response.setHeader('retry-after', '5');
      this.#end(response, { kind, status: 503 });
    }
  }

  #answer(answer: {
    request: IncomingMessage;
    response: ServerResponse;
    kind: Kind;
    resource: CachedResource;
    body: Uint8Array | undefined;
  }): void {
    const { request, response, kind, resource, body } = answer;
    response.setHeader('etag', resource.etag);
    response.setHeader('cache-control', this.#cacheControl(resource));
    if (resource.lastModified !== undefined) response.setHeader('last-modified', resource.lastModified.toUTCString());
    if (isUnchanged(request, resource)) {
      this.#end(response, { kind, status: 304 });
      return;
    }
    response.setHeader('content-type', resource.contentType);
    response.setHeader('content-length', resource.body?.length ?? 0);
    this.#count(kind, 200);
    response.writeHead(200).end(body);
  }

  #cacheControl({ staleAt }: CachedResource): string {
    if (staleAt === undefined) return `public, max-age=${ISSUER_AGE_SECONDS}, immutable`;
    const left = Math.floor((staleAt.getTime() - this.#options.clock.now().getTime()) / 1_000);
    return `public, max-age=${Math.max(0, Math.min(left, MAX_CRL_AGE_SECONDS))}`;
  }

  #end(response: ServerResponse, { kind, status }: { kind: Kind; status: number }): void {
    this.#count(kind, status);
    response.writeHead(status).end();
  }

  async #load(path: string): Promise<CachedResource> {
    const { pki } = this.#options;
    const [, authorityUid, shard] = CRL_PATH.exec(path) ?? [];
    if (authorityUid !== undefined) {
      const crl = await pki.crl({ authorityUid, shard: Number(shard) });
      return {
        body: crl?.der,
        etag: `"${crl?.id}"`,
        contentType: 'application/pkix-crl',
        lastModified: crl?.thisUpdate,
        staleAt: crl?.nextUpdate,
      };
    }
    const body = await pki.issuerCertificate(ISSUER_PATH.exec(path)?.[1] ?? '');
    return {
      body,
      etag: body === undefined ? '' : `"${hash('sha256', body, 'hex').slice(0, 32)}"`,
      contentType: 'application/pkix-cert',
      lastModified: undefined,
      staleAt: undefined,
    };
  }
}

function kindOf(url: string): Kind {
  if (CRL_PATH.test(url)) return 'crl';
  return ISSUER_PATH.test(url) ? 'issuer' : 'other';
}

/** The status of what is not even looked at; undefined for a proper request. */
function refusalOf({ method, url = '', headers }: IncomingMessage): number | undefined {
  if (method !== 'GET' && method !== 'HEAD') return 405;
  if (url.length > MAX_URL_LENGTH) return 414;
  const hasBody = headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
  return hasBody ? 413 : undefined;
}

/** RFC 9110, 13.2.2: If-None-Match counts alone where it is there. */
function isUnchanged({ headers }: IncomingMessage, { etag, lastModified }: CachedResource): boolean {
  const known = headers['if-none-match'];
  if (known !== undefined) {
    return known.split(',').some((one) => one.trim() === '*' || one.trim().replace(/^W\//, '') === etag);
  }
  const since = Date.parse(headers['if-modified-since'] ?? '');
  return (
    lastModified !== undefined && !Number.isNaN(since) && Math.floor(lastModified.getTime() / 1_000) * 1_000 <= since
  );
}

function isAddress(address: AddressInfo | string | null): address is AddressInfo {
  return typeof address === 'object' && address !== null;
}
