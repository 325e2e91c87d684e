import type { universalRequestFromNodeRequest, universalResponseToNodeResponse } from '@connectrpc/connect-node';

/** A request of node:http or node:http2. */
export type NodeServerRequest = Parameters<typeof universalRequestFromNodeRequest>[0];

/** Its response. */
export type NodeServerResponse = Parameters<typeof universalResponseToNodeResponse>[1];
