import { cors } from '@connectrpc/connect';
import { REQUEST_ID_HEADER } from '../pipeline/request-id.ts';
import type { NodeServerRequest, NodeServerResponse } from './http-exchange.ts';

const ALLOWED_HEADERS = [...cors.allowedHeaders, 'Authorization', 'Traceparent', REQUEST_ID_HEADER].join(', ');
const EXPOSED_HEADERS = [...cors.exposedHeaders, REQUEST_ID_HEADER].join(', ');
const PREFLIGHT_SECONDS = 600;

/**
 * Lets scripts of the listed origins call (https://fetch.spec.whatwg.org/#http-cors-protocol). Answers whether the request
 * was a preflight, which is then answered. Credentials in the sense of CORS (cookies) are not used and not allowed.
 */
export function applyCors(
  allowedOrigins: ReadonlySet<string>,
  request: NodeServerRequest,
  response: NodeServerResponse,
): boolean {
  const { origin } = request.headers;
  if (origin === undefined || allowedOrigins.size === 0) return false;
  response.setHeader('vary', 'Origin');
  if (!allowedOrigins.has(origin)) return false;
  response.setHeader('access-control-allow-origin', origin);
  response.setHeader('access-control-expose-headers', EXPOSED_HEADERS);
  if (request.method !== 'OPTIONS' || request.headers['access-control-request-method'] === undefined) return false;
  response.setHeader('access-control-allow-methods', 'POST');
  response.setHeader('access-control-allow-headers', ALLOWED_HEADERS);
  response.setHeader('access-control-max-age', String(PREFLIGHT_SECONDS));
  response.writeHead(204);
  response.end();
  return true;
}
