import { describe, expect, it } from 'vitest';
import { newLeaf, newRoot, TEST_TIME } from '../test/test-authority.ts';
import { daysOn, newOcspResponse } from '../test/test-revocation.ts';
import { codeOf } from '../test/x509-failure.ts';
import { buildTbsOcspResponse, ocspErrorResponse, type TbsOcspResponseInput } from './build-ocsp-response.ts';
import { REVOCATION_REASONS, type RevocationReason } from './crl-extension.ts';
import { lintTbsOcspResponse } from './lint-ocsp.ts';
import { LINT_PROFILES } from './lint-profile.ts';
import { encodeOcspCertId, isIssuedBy, ocspIssuerId } from './ocsp-cert-id.ts';
import { ocspNonceExtension } from './ocsp-nonce.ts';
import { buildOcspRequest, parseOcspRequest } from './ocsp-request.ts';
import {
  OCSP_ERROR_STATUSES,
  type OcspErrorStatus,
  parseOcspResponse,
  parseTbsOcspResponse,
  verifyOcspResponseSignature,
} from './ocsp-response.ts';
import { fromHex, toHex } from './octets.ts';

const root = newRoot();
const leaf = newLeaf(root);
const issuer = { name: root.certificate.subject, publicKey: root.certificate.publicKey };
const sha1 = ocspIssuerId(issuer, 'sha1');
const certId = encodeOcspCertId(sha1, leaf.serialNumber);

describe('OCSP requests', () => {
  it('ask for several certificates, with a nonce', () => {
    const sha256 = ocspIssuerId(issuer, 'sha256');
    const nonce = new Uint8Array(32).fill(9);
    const der = buildOcspRequest({
      certIds: [certId, encodeOcspCertId(sha256, 77n)],
      extensions: [ocspNonceExtension(nonce)],
    });
    const request = parseOcspRequest(der);
    expect(request).toMatchObject({ nonce, isSigned: false, requestorName: undefined });
    expect(request.requests.map(({ certId: id }) => [id.digest, id.serialNumber])).toEqual([
      ['sha1', leaf.serialNumber],
      ['sha256', 77n],
    ]);
    expect(request.requests[0]?.certId.der).toEqual(certId);
    expect(request.requests.map(({ certId: id }) => isIssuedBy(id, sha1))).toEqual([true, false]);
    expect(request.requests.map(({ certId: id }) => isIssuedBy(id, sha256))).toEqual([false, true]);
  });

  it.each([1, 16, 128])('take nonces of %d octets', (length) => {
    const nonce = new Uint8Array(length).fill(1);
    const der = buildOcspRequest({ certIds: [certId], extensions: [ocspNonceExtension(nonce)] });
    expect(parseOcspRequest(der).nonce).toEqual(nonce);
  });

  it('bound nonces and the number of questions', () => {
    expect(codeOf(() => ocspNonceExtension(new Uint8Array()))).toBe('invalid-argument');
    expect(codeOf(() => ocspNonceExtension(new Uint8Array(129)))).toBe('invalid-argument');
    const long = { ...ocspNonceExtension(new Uint8Array(100)), value: fromHex(`048181${'00'.repeat(129)}`) };
    expect(codeOf(() => parseOcspRequest(buildOcspRequest({ certIds: [certId], extensions: [long] })))).toBe(
      'invalid-extension',
    );
    const empty = { ...long, value: fromHex('0400') };
    expect(codeOf(() => parseOcspRequest(buildOcspRequest({ certIds: [certId], extensions: [empty] })))).toBe(
      'invalid-extension',
    );
    expect(codeOf(() => buildOcspRequest({ certIds: [], extensions: [] }))).toBe('invalid-argument');
    expect(codeOf(() => buildOcspRequest({ certIds: Array(101).fill(certId), extensions: [] }))).toBe(
      'invalid-argument',
    );
    const many = fromHex(toHex(buildOcspRequest({ certIds: Array(100).fill(certId), extensions: [] })));
    expect(parseOcspRequest(many).requests).toHaveLength(100);
  });

  it.each<[string, string, string]>([
    ['nothing', '', 'truncated'],
    ['no question', '300430023000', 'invalid-structure'],
    ['an encoded default version', '300930 07 a003020100 3000'.replaceAll(' ', ''), 'unsupported-version'],
    ['bytes after it', '30043002300000', 'trailing-bytes'],
  ])('of %s are refused', (_name, hex, code) => {
    expect(codeOf(() => parseOcspRequest(fromHex(hex)))).toBe(code);
  });

  it('with an unknown critical extension are refused, others are kept', () => {
    const extension = { oid: '1.2.3.4', critical: false, value: fromHex('0500') };
    const request = (critical: boolean): Uint8Array =>
      buildOcspRequest({ certIds: [certId], extensions: [{ ...extension, critical }] });
    expect(parseOcspRequest(request(false)).extensions).toMatchObject([extension]);
    expect(codeOf(() => parseOcspRequest(request(true)))).toBe('unsupported-extension');
  });

  it('under an unknown hash can be read and match nothing', () => {
    const strange = fromHex(toHex(certId).replace('06052b0e03021a', '06052b0e03021b'));
    const [single] = parseOcspRequest(buildOcspRequest({ certIds: [strange], extensions: [] })).requests;
    expect(single?.certId.digest).toBeUndefined();
    expect(single !== undefined && isIssuedBy(single.certId, sha1)).toBe(false);
  });
});

describe('OCSP responses', () => {
  it('say what was written', () => {
    const reasons: RevocationReason[] = ['unspecified', 'keyCompromise', 'certificateHold', 'aACompromise'];
    for (const reason of reasons) {
      const status = { kind: 'revoked', revocationDate: daysOn(-5), reason } as const;
      const response = newOcspResponse(root, leaf, { status });
      if (response.status !== 'successful') throw new Error('it has an answer');
      expect(response.basic.responses).toMatchObject([
        { status, thisUpdate: daysOn(-1), nextUpdate: daysOn(1), certId: { serialNumber: leaf.serialNumber } },
      ]);
      expect(response.basic.responderId).toEqual({ kind: 'key', keyHash: root.key.publicKey.keyId() });
      expect(verifyOcspResponseSignature(response.basic, root.key.publicKey)).toBe(true);
      expect(verifyOcspResponseSignature(response.basic, newRoot().key.publicKey)).toBe(false);
    }
    expect(Object.keys(REVOCATION_REASONS)).toHaveLength(10);
  });

  it.each(Object.keys(OCSP_ERROR_STATUSES) as OcspErrorStatus[])('may be an error: %s', (status) => {
    const der = ocspErrorResponse(status);
    expect(toHex(der)).toBe(`30030a010${OCSP_ERROR_STATUSES[status]}`);
    expect(parseOcspResponse(der)).toEqual({ status, der });
  });

  it('of unknown status are refused', () => {
    expect(codeOf(() => parseOcspResponse(fromHex('30030a0104')))).toBe('invalid-value');
    expect(codeOf(() => parseOcspResponse(fromHex('30030a0100')))).toBe('truncated');
  });

  const ordinary: TbsOcspResponseInput = {
    responderId: { kind: 'key', keyHash: new Uint8Array(20) },
    producedAt: TEST_TIME,
    responses: [{ certId, status: { kind: 'good' }, thisUpdate: TEST_TIME, nextUpdate: daysOn(4) }],
    extensions: [],
  };

  it('are not written where they say nothing, or nothing sensible', () => {
    const [answer] = ordinary.responses;
    if (answer === undefined) throw new Error('there is one');
    expect(codeOf(() => buildTbsOcspResponse({ ...ordinary, responses: [] }))).toBe('invalid-argument');
    expect(codeOf(() => buildTbsOcspResponse({ ...ordinary, responses: [{ ...answer, nextUpdate: TEST_TIME }] }))).toBe(
      'invalid-argument',
    );
    expect(
      codeOf(() => buildTbsOcspResponse({ ...ordinary, responderId: { kind: 'key', keyHash: new Uint8Array(32) } })),
    ).toBe('invalid-argument');
  });

  const rules = (difference: Partial<TbsOcspResponseInput>, profile = LINT_PROFILES.privatePki): string[] =>
    lintTbsOcspResponse(buildTbsOcspResponse({ ...ordinary, ...difference }), profile).map(({ rule }) => rule);

  it('are linted', () => {
    const [answer] = ordinary.responses;
    if (answer === undefined) throw new Error('there is one');
    const revoked = { kind: 'revoked', revocationDate: daysOn(1), reason: 'superseded' } as const;
    const removed = { kind: 'revoked', revocationDate: daysOn(-1), reason: 'removeFromCRL' } as const;
    const unknownHash = fromHex(toHex(certId).replace('06052b0e03021a', '06052b0e03021b'));
    const nonce = ocspNonceExtension(new Uint8Array(4).fill(1));
    expect(rules({})).toEqual([]);
    expect(rules({ responses: [answer, answer] })).toEqual(['ocsp-repeated']);
    expect(rules({ producedAt: daysOn(-1) })).toEqual(['ocsp-produced-at']);
    expect(rules({ responses: [{ ...answer, status: revoked }] })).toEqual(['ocsp-revocation-date']);
    expect(rules({ responses: [{ ...answer, status: removed }] })).toEqual(['ocsp-reason']);
    expect(rules({ responses: [{ ...answer, certId: unknownHash }] })).toEqual(['ocsp-hash-algorithm']);
    expect(rules({ responderId: { kind: 'name', name: root.certificate.subject } })).toEqual([
      'ocsp-responder-by-name',
    ]);
    expect(rules({ extensions: [nonce] })).toEqual(['ocsp-nonce-length']);
    expect(rules({ extensions: [{ ...ocspNonceExtension(new Uint8Array(32)), critical: true }] })).toEqual([
      'ocsp-extension-critical',
    ]);
    const long = [{ ...answer, nextUpdate: daysOn(30) }];
    expect(rules({ responses: long })).toEqual([]);
    expect(
      lintTbsOcspResponse(buildTbsOcspResponse({ ...ordinary, responses: long }), LINT_PROFILES.publicTls),
    ).toMatchObject([{ rule: 'br-ocsp-lifetime', severity: 'error' }]);
    expect(lintTbsOcspResponse(fromHex('3000'))).toMatchObject([{ rule: 'malformed' }]);
    // No answer at all, and one without an end, cannot be written here.
    const tbs = toHex(buildTbsOcspResponse(ordinary));
    const inner = tbs.slice(tbs.indexOf('a216'));
    const head = inner.slice(0, 48 + 34);
    const withoutAnswers = fromHex(`30${((head.length + 4) / 2).toString(16)}${head}3000`);
    expect(lintTbsOcspResponse(withoutAnswers).map(({ rule }) => rule)).toEqual(['ocsp-empty']);
    expect(parseTbsOcspResponse(withoutAnswers).responses).toEqual([]);
  });
});
