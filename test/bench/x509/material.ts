import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import {
  assembleCertificate,
  assembleCertificationRequest,
  authorityKeyIdentifierExtension,
  basicConstraintsExtension,
  buildCertificationRequestInfo,
  buildName,
  buildTbsCertificate,
  crlDistributionPointsExtension,
  type Extension,
  extendedKeyUsageExtension,
  keyUsageExtension,
  type Name,
  nameConstraintsExtension,
  OID,
  type PublicKeyInfo,
  parsePublicKey,
  type SignatureAlgorithm,
  subjectAltNameExtension,
  subjectKeyIdentifierExtension,
} from '@cert-tasks/x509';

/** A key pair and its algorithm. */
export interface Key {
  readonly algorithm: SignatureAlgorithm;
  readonly privateKey: KeyObject;
  readonly publicKey: PublicKeyInfo;
}

/** What is measured with: a chain of three with names, an RSA leaf, and a request. */
export interface Material {
  readonly time: Date;
  readonly issuer: Key;
  readonly subject: Key;
  readonly issuerName: Name;
  readonly host: string;
  readonly root: Uint8Array;
  readonly intermediate: Uint8Array;
  readonly leaf: Uint8Array;
  /** A leaf of the same extensions under RSA keys, for a library that knows no others. */
  readonly rsaLeaf: Uint8Array;
  readonly request: Uint8Array;
  readonly leafExtensions: readonly Extension[];
}

const NOT_BEFORE = new Date('2026-01-01T00:00:00Z');
const NOT_AFTER = new Date('2027-01-01T00:00:00Z');
const HOST = 'api.example.com';

export function newP256Key(): Key {
  return keyOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }), 'ecdsa-sha256');
}

function keyOf(pair: { privateKey: KeyObject; publicKey: KeyObject }, algorithm: SignatureAlgorithm): Key {
  const spki = new Uint8Array(pair.publicKey.export({ type: 'spki', format: 'der' }));
  return { algorithm, privateKey: pair.privateKey, publicKey: parsePublicKey(spki) };
}

/** Makes all of it. */
export function newMaterial(): Material {
  const [top, issuer, subject] = [newP256Key(), newP256Key(), newP256Key()];
  const rsa = keyOf(generateKeyPairSync('rsa', { modulusLength: 2048 }), 'rsa-sha256');
  const [topName, issuerName] = ['Bench Root', 'Bench CA'].map((value) => buildName([{ type: 'CN', value }])) as [
    Name,
    Name,
  ];
  const host = buildName([{ type: 'CN', value: HOST }]);
  const constraints = nameConstraintsExtension({ permitted: [{ kind: 'dns', value: 'example.com' }], excluded: [] });
  const ca = authorityExtensions(issuer.publicKey, top.publicKey);
  const leafExtensions = endEntityExtensions(subject.publicKey, issuer.publicKey);
  const info = buildCertificationRequestInfo({
    subject: host,
    spki: subject.publicKey.der,
    extensions: leafExtensions.filter(({ oid }) => oid === OID.subjectAltName),
  });
  return {
    time: new Date('2026-06-01T00:00:00Z'),
    issuer,
    subject,
    issuerName,
    host: HOST,
    root: certify(
      { subject: topName, issuer: topName, key: top, signer: top },
      authorityExtensions(top.publicKey, top.publicKey),
    ),
    intermediate: certify({ subject: issuerName, issuer: topName, key: issuer, signer: top }, [...ca, constraints]),
    leaf: certify({ subject: host, issuer: issuerName, key: subject, signer: issuer }, leafExtensions),
    rsaLeaf: certify({ subject: host, issuer: issuerName, key: rsa, signer: rsa }, leafExtensions),
    request: assembleCertificationRequest({
      tbs: info,
      signatureAlgorithm: subject.algorithm,
      signature: signWith(subject, info),
    }),
    leafExtensions,
  };
}

/** A signature by a key. */
export function signWith(key: Key, data: Uint8Array): Uint8Array {
  return sign('sha256', data, key.privateKey);
}

interface Parties {
  readonly subject: Name;
  readonly issuer: Name;
  readonly key: Key;
  readonly signer: Key;
}

function certify({ subject, issuer, key, signer }: Parties, extensions: readonly Extension[]): Uint8Array {
  const tbs = buildTbsCertificate({
    serialNumber: 0x5123456789abcdef0123456789abcdef01234567n,
    signatureAlgorithm: signer.algorithm,
    issuer,
    notBefore: NOT_BEFORE,
    notAfter: NOT_AFTER,
    subject,
    spki: key.publicKey.der,
    extensions,
  });
  return assembleCertificate({ tbs, signatureAlgorithm: signer.algorithm, signature: signWith(signer, tbs) });
}

function authorityExtensions(own: PublicKeyInfo, issuer: PublicKeyInfo): Extension[] {
  return [
    basicConstraintsExtension({ ca: true, pathLength: undefined, critical: true }),
    keyUsageExtension({ usages: ['keyCertSign', 'cRLSign'], critical: true }),
    subjectKeyIdentifierExtension(own.keyId()),
    authorityKeyIdentifierExtension(issuer.keyId()),
  ];
}

function endEntityExtensions(own: PublicKeyInfo, issuer: PublicKeyInfo): Extension[] {
  return [
    basicConstraintsExtension({ ca: false, pathLength: undefined, critical: true }),
    keyUsageExtension({ usages: ['digitalSignature'], critical: true }),
    extendedKeyUsageExtension({ purposes: [OID.serverAuth], critical: false }),
    subjectAltNameExtension({ names: [{ kind: 'dns', value: HOST }], critical: false }),
    subjectKeyIdentifierExtension(own.keyId()),
    authorityKeyIdentifierExtension(issuer.keyId()),
    crlDistributionPointsExtension(['http://pki.example.com/crl/1.crl']),
  ];
}
