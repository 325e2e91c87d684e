import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import {
  assembleCertificate,
  authorityKeyIdentifierExtension,
  basicConstraintsExtension,
  buildName,
  buildTbsCertificate,
  type Extension,
  encodePem,
  extendedKeyUsageExtension,
  type GeneralName,
  keyUsageExtension,
  type Name,
  OID,
  parsePublicKey,
  serialFromRandom,
  subjectAltNameExtension,
  subjectKeyIdentifierExtension,
} from '@cert-tasks/x509';

const HOUR_MS = 60 * 60 * 1_000;

/** A certificate and its key, as TLS takes them. */
export interface TestTlsIdentity {
  readonly certPem: string;
  readonly keyPem: string;
}

/** A transport CA of a test's own. */
export interface TestTransportPki {
  readonly caPem: string;
  /** A certificate for both ends of mutual TLS on loopback that names a service: `certtasks://service/<name>`. */
  service(name: string): TestTlsIdentity;
  /** A certificate with the names given, for what a service must refuse. */
  issue(names: readonly GeneralName[], validity?: { notBefore: Date; notAfter: Date }): TestTlsIdentity;
}

/** Makes a CA with fresh keys (ECDSA P-256); its certificates are valid for an hour either side of now. */
export function testTransportPki(): TestTransportPki {
  const name = buildName([{ type: 'CN', value: `test transport CA ${randomBytes(4).toString('hex')}` }]);
  const ca = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const now = Math.floor(Date.now() / 1_000) * 1_000;
  const around = { notBefore: new Date(now - HOUR_MS), notAfter: new Date(now + HOUR_MS) };
  const issue = (
    subject: Name,
    {
      publicKey,
      extensions,
      validity,
    }: { publicKey: KeyObject; extensions: readonly Extension[]; validity: typeof around },
  ): string => {
    const tbs = buildTbsCertificate({
      serialNumber: serialFromRandom(randomBytes(20)),
      signatureAlgorithm: 'ecdsa-sha256',
      issuer: name,
      subject,
      ...validity,
      spki: spkiOf(publicKey),
      extensions: [
        ...extensions,
        subjectKeyIdentifierExtension(keyIdOf(publicKey)),
        authorityKeyIdentifierExtension(keyIdOf(ca.publicKey)),
      ],
    });
    const signature = sign('sha256', tbs, ca.privateKey);
    return encodePem('CERTIFICATE', assembleCertificate({ tbs, signatureAlgorithm: 'ecdsa-sha256', signature }));
  };
  const issueLeaf = (names: readonly GeneralName[], validity = around): TestTlsIdentity => {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const extensions = [
      basicConstraintsExtension({ ca: false, pathLength: undefined, critical: true }),
      keyUsageExtension({ usages: ['digitalSignature'], critical: true }),
      extendedKeyUsageExtension({ purposes: [OID.serverAuth, OID.clientAuth], critical: false }),
      subjectAltNameExtension({ names, critical: false }),
    ];
    const subject = buildName([{ type: 'CN', value: 'test service' }]);
    return { certPem: issue(subject, { publicKey, extensions, validity }), keyPem: keyPemOf(privateKey) };
  };
  const caExtensions = [
    basicConstraintsExtension({ ca: true, pathLength: 0, critical: true }),
    keyUsageExtension({ usages: ['keyCertSign', 'cRLSign'], critical: true }),
  ];
  return {
    caPem: issue(name, { publicKey: ca.publicKey, extensions: caExtensions, validity: around }),
    issue: issueLeaf,
    service: (service) =>
      issueLeaf([
        { kind: 'uri', value: `certtasks://service/${service}` },
        { kind: 'dns', value: 'localhost' },
        { kind: 'ip', value: '127.0.0.1' },
      ]),
  };
}

function spkiOf(key: KeyObject): Uint8Array {
  return new Uint8Array(key.export({ type: 'spki', format: 'der' }));
}

function keyIdOf(key: KeyObject): Uint8Array {
  return parsePublicKey(spkiOf(key)).keyId();
}

function keyPemOf(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}
