import { ConfigError } from '@cert-tasks/config';
import { describe, expect, it } from 'vitest';
import { readConfig } from './config.ts';

const ENV = {
  CERT_PUBLIC_PORT: '8443',
  CERT_INTERNAL_PORT: '9443',
  CERT_OPS_PORT: '9000',
  CERT_INTERNAL_TLS_CA_FILE: 'ca.pem',
  CERT_INTERNAL_TLS_CERT_FILE: 'cert.pem',
  CERT_INTERNAL_TLS_KEY_FILE: 'key.pem',
  CERT_DATABASE_URL: 'postgres://cert_app@localhost/cert_tasks',
  CERT_TOKEN_ISSUER: 'https://issuer.example',
  CERT_TOKEN_JWKS: 'jwks.json',
  CERT_PKI_PORT: '8080',
  CERT_PKI_BASE_URL: 'http://pki.example',
  CERT_SIGNER_ADDRESS: '127.0.0.1:9001',
  CERT_TASK_ADDRESS: 'dns:///scheduler.internal:9002',
};

describe('readConfig', () => {
  it('reads what cert needs, with its defaults', () => {
    expect(readConfig(ENV)).toMatchObject({
      pkiListener: { host: '127.0.0.1', port: 8080 },
      pkiBaseUrl: 'http://pki.example',
      recoveryAfterMs: 15_000,
      renewalScanIntervalMs: 60_000,
      crlValidityMs: 86_400_000,
    });
  });

  it('names every problem at once', () => {
    const wrong = {
      ...ENV,
      CERT_PKI_BASE_URL: 'https://pki.example/',
      CERT_SIGNER_ADDRESS: 'http://signer',
      CERT_RECOVERY_AFTER: '15',
      CERT_PKI_PROT: '1',
    };
    const problems = (): string => {
      try {
        readConfig(wrong);
      } catch (error) {
        if (error instanceof ConfigError) return error.message;
        throw error;
      }
      return '';
    };
    for (const name of ['CERT_PKI_BASE_URL', 'CERT_SIGNER_ADDRESS', 'CERT_RECOVERY_AFTER', 'CERT_PKI_PROT']) {
      expect(problems()).toContain(name);
    }
  });

  it('takes no base that could not stand in a certificate', () => {
    for (const url of ['ftp://a', 'http://a/', 'http://a b', 'http://a/?q', 'http://u@a', 'http://']) {
      expect(() => readConfig({ ...ENV, CERT_PKI_BASE_URL: url }), url).toThrow(ConfigError);
    }
    expect(readConfig({ ...ENV, CERT_PKI_BASE_URL: 'http://[::1]:8080/pki' }).pkiBaseUrl).toBe('http://[::1]:8080/pki');
  });
});
