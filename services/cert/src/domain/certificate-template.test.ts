import { generateKeyPairSync } from 'node:crypto';
import {
  OID,
  parseCrlDistributionPoints,
  parsePublicKey,
  parseTbsCertificate,
  parseTbsCertList,
} from '@cert-tasks/x509';
import { describe, expect, it } from 'vitest';
import type { ActiveAuthority } from './authority.ts';
import { buildDistinguishedName, crlTbs, endEntityTbs, validity } from './certificate-template.ts';
import { crlShard } from './crl-shard.ts';
import { findProfile } from './issuance-profile.ts';

const NOW = new Date('2027-01-01T00:00:00.750Z');
const UID = '01920000-0000-7000-8000-000000000001';

function spki(): Uint8Array {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'der', type: 'spki' });
}

function issuer(crlShardCount: number): ActiveAuthority {
  const subject = { commonName: 'issuing' };
  return {
    uid: UID,
    project: 'acme',
    id: 'issuing',
    type: 'subordinate',
    state: 'active',
    subject,
    subjectDer: buildDistinguishedName(subject).der,
    issuerUid: UID,
    issuerId: 'root',
    keyName: 'projects/acme/keys/ca',
    keyAlgorithm: 'ec-p256',
    spki: spki(),
    certificateId: undefined,
    certificate: new Uint8Array([0]),
    chain: [],
    lifetimeMs: 1000,
    notBefore: new Date(0),
    notAfter: new Date('2030-01-01T00:00:00Z'),
    crlShardCount,
    pkiBaseUrl: 'http://pki.example',
    createdAt: NOW,
    version: 1n,
  };
}

describe('the distribution point of a shard', () => {
  const serial = Uint8Array.from({ length: 20 }, (_, i) => i + 1);
  const shard = crlShard({ serial, shardCount: 7 });
  const url = `http://pki.example/crl/${UID}/${shard}.crl`;

  it('stands in the certificate and, equal and critical, in the CRL', () => {
    const by = issuer(7);
    const request = {
      profile: findProfile('server'),
      publicKey: parsePublicKey(spki()),
      names: { dnsNames: ['a.example'], ipAddresses: [], uris: [], emailAddresses: [] },
      lifetimeMs: 1000,
    };
    const tbs = parseTbsCertificate(
      endEntityTbs({ issuer: by, request, serial, notBefore: by.notBefore, notAfter: by.notAfter }),
    );
    const extension = tbs.extension(OID.cRLDistributionPoints);
    const name = extension === undefined ? undefined : parseCrlDistributionPoints(extension)[0]?.name;
    expect(name).toEqual({ kind: 'fullName', names: [{ kind: 'uri', value: url }] });
    const times = { thisUpdate: by.notBefore, nextUpdate: by.notAfter };
    const crl = parseTbsCertList(crlTbs({ issuer: by, shard, number: 1n, entries: [], ...times }));
    expect(crl.extension(OID.issuingDistributionPoint)?.critical).toBe(true);
    expect(crl.issuingDistributionPoint?.name).toEqual(name);
  });
});

describe('validity', () => {
  it('begins five minutes early, in whole seconds, and never outlives the issuer', () => {
    expect(validity({ now: NOW, lifetimeMs: 3_600_000, issuerNotAfter: undefined })).toEqual({
      notBefore: new Date('2026-12-31T23:55:00Z'),
      notAfter: new Date('2027-01-01T01:00:00Z'),
    });
    const issuerNotAfter = new Date('2027-01-01T00:30:00Z');
    expect(validity({ now: NOW, lifetimeMs: 3_600_000, issuerNotAfter }).notAfter).toEqual(issuerNotAfter);
  });
});
