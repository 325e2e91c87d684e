import { once } from 'node:events';
import { createContextValues } from '@connectrpc/connect';
import { universalRequestFromNodeRequest, universalResponseToNodeResponse } from '@connectrpc/connect-node';
import { CallError } from '../errors/call-error.ts';
import { allowedMs } from '../pipeline/call-deadline.ts';
import type { Pipeline } from '../pipeline/pipeline.ts';
import { type ConnectHandler, connectHandlers, openCallKey, peerAddressKey } from './connect-handlers.ts';
import { applyCors } from './cors.ts';
import type { NodeServerRequest, NodeServerResponse } from './http-exchange.ts';
import { boundTimeout } from './timeout-header.ts';
import { withUnparsedCall } from './unparsed-call.ts';

/** Options of {@link httpDispatcher}. */
export interface HttpDispatcherOptions {
  readonly pipeline: Pipeline;
  readonly readMaxBytes: number;
  readonly corsOrigins: readonly string[];
  /** Whether callers come by TLS, here or upstream, so that browsers may be told to stay with it. */
  readonly isHttps: boolean;
  /** Whether connections are to be closed after their response. */
  readonly isDraining: () => boolean;
}

/** Answers HTTP requests of any version with the handlers of a pipeline; what is no RPC is 404 without detail. */
export function httpDispatcher(
  options: HttpDispatcherOptions,
): (request: NodeServerRequest, response: NodeServerResponse) => void {
  const { pipeline, readMaxBytes, isHttps, isDraining } = options;
  const handlers = connectHandlers(pipeline, { readMaxBytes });
  const corsOrigins = new Set(options.corsOrigins);
  return (request, response) => {
    response.setHeader('x-content-type-options', 'nosniff');
    response.setHeader('cache-control', 'no-store');
    if (isHttps) response.setHeader('strict-transport-security', 'max-age=31536000');
    if (isDraining() && request.httpVersionMajor === 1) response.setHeader('connection', 'close');
    if (applyCors(corsOrigins, request, response)) return;
    const handler = handlers.get(request.url?.split('?', 1)[0] ?? '');
    if (handler === undefined) {
      response.writeHead(404);
      response.end();
      return;
    }
    answer({ handler, request, response }).catch((err: unknown) => {
      // The peer has gone, or sent what is not HTTP enough to be answered.
      pipeline.log.debug({ err }, 'an HTTP exchange broke off');
      if (!response.headersSent) response.writeHead(400);
      response.end();
    });
  };
}

async function answer(exchange: {
  handler: ConnectHandler;
  request: NodeServerRequest;
  response: NodeServerResponse;
}): Promise<void> {
  const { handler, request, response } = exchange;
  const values = createContextValues();
  values.set(peerAddressKey, request.socket.remoteAddress ?? '');
  const universal = universalRequestFromNodeRequest(request, response, undefined, values);
  boundTimeout(universal.header, (askedMs) => allowedMs(handler.served.kind, askedMs));
  const openCall = () => values.get(openCallKey);
  // connect-es waits for an event that responses do not have; what matters is that the exchange is over.
  const closed = once(response, 'close');
  closed.catch(() => undefined);
  try {
    const answered = await handler.handle(universal);
    await Promise.race([
      universalResponseToNodeResponse(
        withUnparsedCall(answered, { openCall, isHttp1: request.httpVersionMajor === 1 }),
        response,
      ),
      closed,
    ]);
  } finally {
    openCall()?.abandon(new CallError('cancelled', 'The caller has gone before its request was read.'));
  }
}
