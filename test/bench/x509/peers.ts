import { X509Certificate } from 'node:crypto';
import type { Material } from './material.ts';
import type { Act } from './measure.ts';

/** The same acts by other libraries, by the name that the table shows. A library that cannot do one is left out of it. */
export interface Peers {
  readonly encode: Readonly<Record<string, Act>>;
  readonly encodeAndSign: Readonly<Record<string, Act>>;
  readonly parse: Readonly<Record<string, Act>>;
  readonly verifyRequest: Readonly<Record<string, Act>>;
  readonly validate: Readonly<Record<string, Act>>;
}

// What is used of each library. They are loaded by name, so that the type check does not need what the bench alone needs.

interface Peculiar {
  readonly X509Certificate: new (der: Uint8Array) => unknown;
  readonly Pkcs10CertificateRequest: new (der: Uint8Array) => { verify(): Promise<boolean> };
  readonly X509CertificateGenerator: { create(input: object): Promise<unknown> };
  readonly BasicConstraintsExtension: new (ca: boolean, pathLength: undefined, critical: boolean) => unknown;
  readonly KeyUsagesExtension: new (flags: number, critical: boolean) => unknown;
  readonly ExtendedKeyUsageExtension: new (purposes: string[], critical: boolean) => unknown;
  readonly SubjectAlternativeNameExtension: new (names: object[], critical: boolean) => unknown;
  readonly SubjectKeyIdentifierExtension: { create(key: CryptoKey): Promise<unknown> };
  readonly AuthorityKeyIdentifierExtension: { create(key: CryptoKey): Promise<unknown> };
}

interface PkiCertificate {
  encodeTBS(): { toBER(): ArrayBuffer };
  sign(key: CryptoKey, digest: string): Promise<void>;
  toSchema(encode: boolean): { toBER(): ArrayBuffer };
}

interface PkiJs {
  readonly Certificate: { fromBER(der: Uint8Array): PkiCertificate };
  readonly CertificationRequest: { fromBER(der: Uint8Array): { verify(): Promise<boolean> } };
  readonly CertificateChainValidationEngine: new (
    input: object,
  ) => { verify(): Promise<{ readonly result: boolean; readonly resultMessage: string }> };
}

interface Forge {
  readonly asn1: { fromDer(text: string): unknown; toDer(asn1: unknown): { getBytes(): string } };
  readonly pki: { certificateFromAsn1(asn1: unknown): unknown; getTBSCertificate(certificate: unknown): unknown };
}

function load(name: string): Promise<unknown> {
  return import(name);
}

/** Loads the libraries and makes their acts ready. */
export async function preparePeers(material: Material): Promise<Peers> {
  await load('reflect-metadata');
  // The modules are those whose parts the interfaces above name.
  const peculiar = (await load('@peculiar/x509')) as Peculiar;
  const pkijs = (await load('pkijs')) as PkiJs;
  const { default: forge } = (await load('node-forge')) as { readonly default: Forge };
  const keys = await importKeys(material);
  const pkiLeaf = pkijs.Certificate.fromBER(material.leaf);
  const rsaText = Buffer.from(material.rsaLeaf).toString('latin1');
  const forgeLeaf = forge.pki.certificateFromAsn1(forge.asn1.fromDer(rsaText));
  return {
    encode: {
      pkijs: () => pkiLeaf.encodeTBS().toBER(),
      'node-forge (RSA)': () => forge.asn1.toDer(forge.pki.getTBSCertificate(forgeLeaf)).getBytes(),
    },
    encodeAndSign: {
      '@peculiar/x509': () => generateWithPeculiar(peculiar, material, keys),
      pkijs: async () => {
        await pkiLeaf.sign(keys.issuerPrivate, 'SHA-256');
        return pkiLeaf.toSchema(true).toBER();
      },
    },
    parse: {
      '@peculiar/x509': () => new peculiar.X509Certificate(material.leaf),
      pkijs: () => pkijs.Certificate.fromBER(material.leaf),
      'node-forge (RSA)': () => forge.pki.certificateFromAsn1(forge.asn1.fromDer(rsaText)),
      'node:crypto': () => new X509Certificate(material.leaf),
    },
    verifyRequest: {
      '@peculiar/x509': () => new peculiar.Pkcs10CertificateRequest(material.request).verify(),
      pkijs: () => pkijs.CertificationRequest.fromBER(material.request).verify(),
    },
    validate: {
      pkijs: () => validateWithPkiJs(pkijs, material),
      'node:crypto, signatures and host only': validateWithNode(material),
    },
  };
}

interface WebKeys {
  readonly issuerPrivate: CryptoKey;
  readonly issuerPublic: CryptoKey;
  readonly subjectPublic: CryptoKey;
}

async function importKeys({ issuer, subject }: Material): Promise<WebKeys> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
  const pkcs8 = issuer.privateKey.export({ type: 'pkcs8', format: 'der' });
  const publicKey = (der: Uint8Array): Promise<CryptoKey> =>
    crypto.subtle.importKey('spki', Uint8Array.from(der), algorithm, true, ['verify']);
  return {
    issuerPrivate: await crypto.subtle.importKey('pkcs8', Uint8Array.from(pkcs8), algorithm, true, ['sign']),
    issuerPublic: await publicKey(issuer.publicKey.der),
    subjectPublic: await publicKey(subject.publicKey.der),
  };
}

async function generateWithPeculiar(x509: Peculiar, material: Material, keys: WebKeys): Promise<unknown> {
  return x509.X509CertificateGenerator.create({
    serialNumber: '5123456789abcdef0123456789abcdef01234567',
    issuer: 'CN=Bench CA',
    subject: `CN=${material.host}`,
    notBefore: material.time,
    notAfter: new Date(material.time.getTime() + 86_400_000),
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256', namedCurve: 'P-256' },
    publicKey: keys.subjectPublic,
    signingKey: keys.issuerPrivate,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(1, true),
      new x509.ExtendedKeyUsageExtension(['1.3.6.1.5.5.7.3.1'], false),
      new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: material.host }], false),
      await x509.SubjectKeyIdentifierExtension.create(keys.subjectPublic),
      await x509.AuthorityKeyIdentifierExtension.create(keys.issuerPublic),
    ],
  });
}

async function validateWithPkiJs(pkijs: PkiJs, material: Material): Promise<void> {
  const [leaf, intermediate, root] = [material.leaf, material.intermediate, material.root].map((der) =>
    pkijs.Certificate.fromBER(der),
  );
  const engine = new pkijs.CertificateChainValidationEngine({
    trustedCerts: [root],
    certs: [intermediate, leaf],
    checkDate: material.time,
  });
  const { result, resultMessage } = await engine.verify();
  if (!result) throw new Error(`pkijs refuses the path: ${resultMessage}`);
}

/** No path validation, since node:crypto has none: the signatures that it needs, and the host name. */
function validateWithNode(material: Material): Act {
  const [intermediate, root] = [new X509Certificate(material.intermediate), new X509Certificate(material.root)];
  return () => {
    const leaf = new X509Certificate(material.leaf);
    const holds = leaf.verify(intermediate.publicKey) && intermediate.verify(root.publicKey);
    if (!holds || leaf.checkHost(material.host) === undefined) throw new Error('node:crypto refuses the path');
  };
}
