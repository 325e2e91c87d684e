import type { Authenticate } from './authenticate.ts';
import { AuthenticationError } from './authentication-error.ts';
import { isServiceName, type ServiceName, type ServicePrincipal } from './principal.ts';

const SERVICE_URI_PREFIX = 'certtasks://service/';

/** More than any certificate of the transport CA has. */
const MAX_SUBJECT_ALT_NAME = 4_096;

const PRINCIPALS: Readonly<Record<ServiceName, ServicePrincipal>> = {
  cert: { kind: 'service', id: 'cert' },
  signer: { kind: 'service', id: 'signer' },
  'task-scheduler': { kind: 'service', id: 'task-scheduler' },
  audit: { kind: 'service', id: 'audit' },
};

/**
 * Knows the platform's own services by the client certificate that the TLS handshake has verified: its subjectAltName has
 * exactly one URI of the form `certtasks://service/<name>`, and no other URI of that scheme.
 */
export function mtlsAuthenticator(): Authenticate {
  return ({ peerSubjectAltName }) => {
    if (peerSubjectAltName === undefined) {
      throw new AuthenticationError(
        'certificate-missing',
        'This listener takes client certificates of the platform only.',
      );
    }
    const name = serviceNameOf(peerSubjectAltName);
    if (name === undefined) {
      throw new AuthenticationError(
        'certificate-rejected',
        `The client certificate must have exactly one URI ${SERVICE_URI_PREFIX}<name> with the name of a service.`,
      );
    }
    return PRINCIPALS[name];
  };
}

/**
 * The service that a subjectAltName in Node.js's text form (`URI:certtasks://service/cert, DNS:localhost`) names.
 *
 * Node.js quotes a value that holds a comma, a quote or a control character as a JSON string, so that a name inside a name
 * cannot pass for one; a list with any quoted value is refused whole.
 */
export function serviceNameOf(subjectAltName: string): ServiceName | undefined {
  if (subjectAltName.length > MAX_SUBJECT_ALT_NAME || subjectAltName.includes('"')) return undefined;
  const uris = subjectAltName
    .split(', ')
    .filter((entry) => entry.startsWith('URI:'))
    .map((entry) => entry.slice('URI:'.length))
    .filter((uri) => uri.toLowerCase().startsWith('certtasks:'));
  const [uri] = uris;
  if (uris.length !== 1 || uri === undefined || !uri.startsWith(SERVICE_URI_PREFIX)) return undefined;
  const name = uri.slice(SERVICE_URI_PREFIX.length);
  return isServiceName(name) ? name : undefined;
}
