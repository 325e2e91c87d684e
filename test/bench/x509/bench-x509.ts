import {
  assembleCertificate,
  buildName,
  buildTbsCertificate,
  OID,
  PATH_POLICIES,
  parseCertificate,
  parseCertificationRequest,
  prepareCertificateTemplate,
  SignatureMemo,
  subjectAltNameExtension,
  subjectKeyIdentifierExtension,
  type TbsCertificateInput,
  validatePath,
  verifyProofOfPossession,
} from '@cert-tasks/x509';
import { type Material, newMaterial, signWith } from './material.ts';
import { type Act, type BenchRow, type Effort, FULL, measure, QUICK } from './measure.ts';
import { preparePeers } from './peers.ts';

const UNIT = '/s on one core';

/** Measures the X.509 engine beside its peers, one act at a time on one core. */
export async function benchX509({ quick }: { readonly quick: boolean }): Promise<BenchRow[]> {
  const effort = quick ? QUICK : FULL;
  const material = newMaterial();
  const peers = await preparePeers(material);
  const encode = templateEncoder(material);
  const plain = plainEncoder(material);
  return [
    await row(
      {
        name: 'encode a certificate',
        goal: 100_000,
        act: encode,
        peers: { 'without a template': plain, ...peers.encode },
      },
      effort,
    ),
    await row(
      { name: 'encode and sign, P-256', goal: 28_000, act: signing(material, encode), peers: peers.encodeAndSign },
      effort,
    ),
    await row(
      { name: 'parse a certificate', goal: 200_000, act: () => parseCertificate(material.leaf), peers: peers.parse },
      effort,
    ),
    await row(
      { name: 'parse and verify a request', goal: 12_000, act: requestVerifier(material), peers: peers.verifyRequest },
      effort,
    ),
    await row(
      {
        name: 'validate a path of three with names',
        goal: 10_000,
        act: pathValidator(material, new LinkMemo(material)),
        peers: { 'both signatures each time': pathValidator(material, undefined), ...peers.validate },
      },
      effort,
    ),
  ];
}

interface Line {
  readonly name: string;
  readonly goal: number;
  readonly act: Act;
  readonly peers: Readonly<Record<string, Act>>;
}

async function row(line: Line, effort: Effort): Promise<BenchRow> {
  const value = await measure(line.act, effort);
  const peers: Record<string, number> = {};
  for (const [name, act] of Object.entries(line.peers)) peers[name] = await measure(act, effort);
  return { area: 'x509', name: line.name, value, unit: UNIT, goal: line.goal, peers };
}

/** What each certificate has for itself: its own serial number, name, key identifier and alternative name. */
function ownParts({ host, subject }: Material, serialNumber: bigint) {
  return {
    serialNumber,
    notBefore: new Date('2026-01-01T00:00:00Z'),
    notAfter: new Date('2027-01-01T00:00:00Z'),
    subject: buildName([{ type: 'CN', value: host }]),
    spki: subject.publicKey.der,
    extensions: [
      subjectAltNameExtension({ names: [{ kind: 'dns', value: host }], critical: false }),
      subjectKeyIdentifierExtension(subject.publicKey.keyId()),
    ],
  } satisfies Partial<TbsCertificateInput>;
}

const FIRST_SERIAL = 0x5123456789abcdef0123456789abcdef01234567n;

function templateEncoder(material: Material): () => Uint8Array {
  const own: ReadonlySet<string> = new Set([OID.subjectAltName, OID.subjectKeyIdentifier]);
  const write = prepareCertificateTemplate({
    signatureAlgorithm: 'ecdsa-sha256',
    issuer: material.issuerName,
    extensions: material.leafExtensions.map((extension) =>
      own.has(extension.oid) ? { slot: extension.oid } : extension,
    ),
  });
  let serial = FIRST_SERIAL;
  return () => write(ownParts(material, serial++));
}

function plainEncoder(material: Material): () => Uint8Array {
  let serial = FIRST_SERIAL;
  return () => {
    const parts = ownParts(material, serial++);
    const own = new Map(parts.extensions.map((extension) => [extension.oid, extension]));
    return buildTbsCertificate({
      ...parts,
      signatureAlgorithm: 'ecdsa-sha256',
      issuer: material.issuerName,
      extensions: material.leafExtensions.map((extension) => own.get(extension.oid) ?? extension),
    });
  };
}

function signing({ issuer }: Material, encode: () => Uint8Array): Act {
  return () => {
    const tbs = encode();
    return assembleCertificate({ tbs, signatureAlgorithm: 'ecdsa-sha256', signature: signWith(issuer, tbs) });
  };
}

function requestVerifier({ request }: Material): Act {
  return () => {
    if (!verifyProofOfPossession(parseCertificationRequest(request))) throw new Error('the request does not verify');
  };
}

/** Remembers the links between CAs and never that of the leaf: in life each leaf is another one. */
class LinkMemo extends SignatureMemo {
  readonly #leaf: Uint8Array;

  constructor({ leaf }: Material) {
    super();
    this.#leaf = leaf;
  }

  override has(certificateDer: Uint8Array, issuerSpki: Uint8Array): boolean {
    return certificateDer !== this.#leaf && super.has(certificateDer, issuerSpki);
  }
}

function pathValidator(material: Material, signatureMemo: SignatureMemo | undefined): Act {
  const intermediates = [parseCertificate(material.intermediate)];
  const trustAnchors = [parseCertificate(material.root)];
  return () => {
    const verdict = validatePath({
      leaf: parseCertificate(material.leaf),
      intermediates,
      trustAnchors,
      time: material.time,
      policy: PATH_POLICIES.webpki,
      purposes: [OID.serverAuth],
      peerName: { kind: 'dns', value: material.host },
      ...(signatureMemo === undefined ? {} : { signatureMemo }),
    });
    if (!verdict.ok) throw new Error(`the path does not hold: ${verdict.failures[0]?.detail}`);
  };
}
