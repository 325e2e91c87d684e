import { describe, expect, it } from 'vitest';
import { mtlsAuthenticator, serviceNameOf } from './mtls-authenticator.ts';

describe('serviceNameOf', () => {
  it.each([
    ['URI:certtasks://service/cert', 'cert'],
    ['DNS:localhost, URI:certtasks://service/task-scheduler, IP Address:127.0.0.1', 'task-scheduler'],
    ['URI:https://example.com/, URI:certtasks://service/audit', 'audit'],
  ])('reads %s', (text, name) => {
    expect(serviceNameOf(text)).toBe(name);
  });

  it.each([
    '',
    'DNS:cert',
    'DNS:certtasks://service/cert',
    'URI:certtasks://service/nobody',
    'URI:certtasks://service/cert/x',
    'URI:certtasks://service/Cert',
    'URI:CERTTASKS://service/cert',
    'URI:certtasks://other/cert',
    'URI:certtasks:service/cert',
    'URI:certtasks://service/cert, URI:certtasks://service/cert',
    'URI:certtasks://service/cert, URI:certtasks://service/signer',
    'URI:certtasks://service/cert, URI:certtasks://person/alice',
    // How Node.js writes a DNS name "x, URI:certtasks://service/cert".
    'DNS:"x, URI:certtasks://service/cert"',
    `URI:certtasks://service/cert, DNS:${'a'.repeat(5_000)}`,
  ])('refuses %s', (text) => {
    expect(serviceNameOf(text)).toBeUndefined();
  });
});

describe('mtlsAuthenticator', () => {
  const authenticate = mtlsAuthenticator();
  const credentials = { authorization: undefined };

  it('knows a service', () => {
    expect(authenticate({ ...credentials, peerSubjectAltName: 'URI:certtasks://service/signer' })).toEqual({
      kind: 'service',
      id: 'signer',
    });
  });

  it('takes no token for a certificate', () => {
    expect(() => authenticate({ authorization: 'Bearer a.b.c', peerSubjectAltName: undefined })).toThrow(
      expect.objectContaining({ code: 'certificate-missing' }),
    );
    expect(() => authenticate({ ...credentials, peerSubjectAltName: 'DNS:cert' })).toThrow(
      expect.objectContaining({ code: 'certificate-rejected' }),
    );
  });
});
