import { X509Certificate } from 'node:crypto';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import type { CertificateService } from '@cert-tasks/contracts/cert/v1';
import { type Authority, AuthorityType, CertificateState, RevocationReason } from '@cert-tasks/contracts/cert/v1';
import { type ConnectClient, RpcError } from '@cert-tasks/rpc';
import { waitFor } from '@cert-tasks/testkit';
import {
  encodePem,
  parseCertificateList,
  parsePublicKey,
  toHex,
  verifyCertificateListSignature,
} from '@cert-tasks/x509';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InMemorySigner } from '../src/testing/in-memory-signer.ts';
import { sampleRequest } from '../src/testing/sample-request.ts';
import { startCertApp, type TestCertApp } from './cert-app.ts';

const PROJECT = 'acme';
const PARENT = `projects/${PROJECT}`;

describe('the certificate API', () => {
  const signer = new InMemorySigner();
  let cert: TestCertApp;
  let client: ConnectClient<typeof CertificateService>;
  let root: Authority | undefined;
  let issuing: Authority | undefined;

  beforeAll(async () => {
    cert = await startCertApp({ overrides: { signer, keys: signer, ledger: signer } });
    client = await cert.certificates({ project: PROJECT });
    const authorities = await cert.authorities({ project: PROJECT });
    const make = async (authorityId: string, issuer: string) =>
      (
        await authorities.createAuthority({
          parent: PARENT,
          authorityId,
          type: issuer === '' ? AuthorityType.ROOT : AuthorityType.SUBORDINATE,
          subject: { commonName: `Test ${authorityId}` },
          issuer,
          requestId: authorityId,
        })
      ).authority;
    root = await make('root', '');
    issuing = await make('issuing', `${PARENT}/authorities/root`);
  });

  afterAll(() => cert?.close());

  const issue = async (changes: { requestId?: string; dnsNames?: readonly string[] } = {}) => {
    const { dnsNames, ...request } = changes;
    const csr = sampleRequest(dnsNames === undefined ? {} : { dnsNames });
    const { certificate } = await client.issueCertificate({
      parent: PARENT,
      certificationRequest: { case: 'csrDer', value: csr },
      ...request,
    });
    if (certificate === undefined) throw new Error('No certificate came.');
    return certificate;
  };
  const failure = async (call: Promise<unknown>): Promise<RpcError> =>
    call.then(
      () => {
        throw new Error('It was not refused.');
      },
      (error: unknown) => {
        if (error instanceof RpcError) return error;
        throw error;
      },
    );
  const crlUrl = (): string => `http://127.0.0.1:${cert.app.ports.pki}/crl/${issuing?.uid}/0.crl`;

  it('shows authorities with their chains', async () => {
    const authorities = await cert.authorities({ project: PROJECT, roles: ['viewer'] });
    const { authority } = await authorities.getAuthority({ name: `${PARENT}/authorities/issuing` });
    expect(authority).toMatchObject({ issuer: `${PARENT}/authorities/root`, crlShardCount: 1 });
    const chain = (authority?.pemChain ?? []).map((pem) => new X509Certificate(pem));
    expect(chain).toHaveLength(2);
    expect(chain[1]?.raw).toEqual(Buffer.from(root?.certificateDer ?? new Uint8Array()));
    const first = await authorities.listAuthorities({ parent: PARENT, pageSize: 1 });
    const second = await authorities.listAuthorities({ parent: PARENT, pageSize: 1, pageToken: first.nextPageToken });
    expect([...first.authorities, ...second.authorities].map(({ name }) => name)).toEqual([
      `${PARENT}/authorities/root`,
      `${PARENT}/authorities/issuing`,
    ]);
    expect(second.nextPageToken).toBe('');
  });

  it('issues from DER and PEM, and gives it back with its chain', async () => {
    const csr = encodePem('CERTIFICATE REQUEST', sampleRequest({ dnsNames: ['pem.example'] }));
    const { certificate } = await client.issueCertificate({
      parent: PARENT,
      authority: `${PARENT}/authorities/issuing`,
      certificationRequest: { case: 'csrPem', value: csr },
      lifetime: { seconds: 86_400n, nanos: 0 },
      labels: { team: 'core' },
    });
    expect(certificate).toMatchObject({
      state: CertificateState.ISSUED,
      dnsNames: ['pem.example'],
      labels: { team: 'core' },
    });
    const [leaf, issuer, anchor] = (certificate?.pemChain ?? []).map((pem) => new X509Certificate(pem));
    if (leaf === undefined || issuer === undefined || anchor === undefined) throw new Error('The chain is too short.');
    expect(leaf.verify(issuer.publicKey) && issuer.verify(anchor.publicKey) && anchor.verify(anchor.publicKey)).toBe(
      true,
    );
    expect(leaf.fingerprint256.replaceAll(':', '').toLowerCase()).toBe(certificate?.fingerprintSha256);
    expect(leaf.validToDate.getTime() - leaf.validFromDate.getTime()).toBe(86_400_000 + 300_000);
    const got = await client.getCertificate({ name: certificate?.name ?? '' });
    expect(got.certificate).toEqual(certificate);
    const { certificate: own } = await client.getCertificate({ name: await nameOfRootCertificate() });
    expect(own?.pemChain).toHaveLength(1);
  });

  const nameOfRootCertificate = async (): Promise<string> => {
    const { certificates } = await client.listCertificates({
      parent: PARENT,
      filter: 'profile = "authority"',
      orderBy: 'create_time',
    });
    return certificates[0]?.name ?? '';
  };

  it('makes one certificate of 20 equal requests at once over two replicas', async () => {
    const value = sampleRequest({ dnsNames: ['once.example'] });
    const request = { parent: PARENT, certificationRequest: { case: 'csrDer', value } as const, requestId: 'twenty' };
    const replica = await cert.certificates({ project: PROJECT, app: await cert.replica() });
    const calls = Array.from({ length: 20 }, (_, index) =>
      (index % 2 === 0 ? client : replica).issueCertificate(request),
    );
    const answers = await Promise.all(calls);
    expect(new Set(answers.map(({ certificate }) => certificate?.name)).size).toBe(1);
    expect(new Set(answers.map(({ certificate }) => certificate?.state))).toEqual(new Set([CertificateState.ISSUED]));
    const { certificates } = await client.listCertificates({ parent: PARENT, filter: 'dns_name = "once.example"' });
    expect(certificates).toHaveLength(1);
    const other = await failure(client.issueCertificate({ ...request, profile: 'server' }));
    expect(other).toMatchObject({ rpcCode: 'FAILED_PRECONDITION', reason: 'REQUEST_ID_REUSED' });
    // Labels in another order are the same request; another caller's is another.
    const labelled = (labels: Record<string, string>) =>
      client.issueCertificate({ ...request, requestId: 'labels', labels });
    const [first, second] = [await labelled({ a: '1', b: '2' }), await labelled({ b: '2', a: '1' })];
    expect(second.certificate?.name).toBe(first.certificate?.name);
    const bob = await cert.certificates({ project: PROJECT, sub: 'bob' });
    expect((await bob.issueCertificate(request)).certificate?.name).not.toBe(answers[0]?.certificate?.name);
  });

  it('refuses with code, reason and field', async () => {
    const csrDer = (value: Uint8Array) => ({
      parent: PARENT,
      certificationRequest: { case: 'csrDer', value } as const,
    });
    const good = sampleRequest();
    const cases: readonly [() => Promise<unknown>, string][] = [
      [() => client.issueCertificate(csrDer(new Uint8Array([1, 2, 3]))), 'INVALID_ARGUMENT CSR_MALFORMED csr_der'],
      [
        () => client.issueCertificate({ parent: PARENT, certificationRequest: { case: 'csrPem', value: 'no' } }),
        'INVALID_ARGUMENT CSR_MALFORMED csr_pem',
      ],
      [() => client.issueCertificate({ ...csrDer(good), profile: 'none' }), 'INVALID_ARGUMENT PROFILE_UNKNOWN profile'],
      [
        () => client.issueCertificate({ ...csrDer(good), lifetime: { seconds: 315_576_000_000n, nanos: 0 } }),
        'INVALID_ARGUMENT LIFETIME_NOT_ALLOWED lifetime',
      ],
      [
        () => client.issueCertificate({ ...csrDer(good), authority: 'issuing' }),
        'INVALID_ARGUMENT RESOURCE_NAME_MALFORMED authority',
      ],
      [
        () => client.issueCertificate({ ...csrDer(good), authority: 'projects/other/authorities/issuing' }),
        'NOT_FOUND AUTHORITY_NOT_FOUND authority',
      ],
      [
        () => client.issueCertificate({ ...csrDer(good), requestId: 'a\u0007' }),
        'INVALID_ARGUMENT INVALID_FIELD request_id',
      ],
      [() => client.getCertificate({ name: 'certificates/x' }), 'INVALID_ARGUMENT INVALID_REQUEST name'],
      [
        () => client.getCertificate({ name: `${PARENT}/certificates/x/y` }),
        'INVALID_ARGUMENT RESOURCE_NAME_MALFORMED name',
      ],
      [() => client.getCertificate({ name: `${PARENT}/certificates/none` }), 'NOT_FOUND CERTIFICATE_NOT_FOUND name'],
      [
        () => client.listCertificates({ parent: PARENT, filter: 'what = "x"' }),
        'INVALID_ARGUMENT INVALID_FILTER filter',
      ],
      [
        () => client.listCertificates({ parent: PARENT, filter: 'serial_number = "xyz"' }),
        'INVALID_ARGUMENT INVALID_FILTER filter',
      ],
      [
        () => client.listCertificates({ parent: PARENT, filter: 'state = "ISSUED" AND state = "REVOKED"' }),
        'INVALID_ARGUMENT INVALID_FILTER filter',
      ],
      [
        () => client.listCertificates({ parent: PARENT, orderBy: 'serial' }),
        'INVALID_ARGUMENT INVALID_ORDER_BY order_by',
      ],
      [
        () => client.listCertificates({ parent: PARENT, pageToken: 'abc' }),
        'INVALID_ARGUMENT INVALID_PAGE_TOKEN page_token',
      ],
    ];
    for (const [call, expected] of cases) {
      const { rpcCode, reason, field } = await failure(call());
      expect(`${rpcCode} ${reason} ${field}`).toMatch(new RegExp(`^${expected}`));
    }
  });

  it('keeps projects apart', async () => {
    const { name } = await issue();
    const stranger = await cert.certificates({ project: 'other' });
    expect(await failure(stranger.getCertificate({ name }))).toMatchObject({ rpcCode: 'PERMISSION_DENIED' });
    const elsewhere = name.replace(PARENT, 'projects/other');
    for (const call of [
      stranger.getCertificate({ name: elsewhere }),
      stranger.renewCertificate({ name: elsewhere }),
      stranger.revokeCertificate({ name: elsewhere, reason: RevocationReason.SUPERSEDED }),
    ]) {
      expect(await failure(call)).toMatchObject({ rpcCode: 'NOT_FOUND', reason: 'CERTIFICATE_NOT_FOUND' });
    }
    expect((await stranger.listCertificates({ parent: 'projects/other' })).certificates).toEqual([]);
    const noDefault = stranger.issueCertificate({
      parent: 'projects/other',
      certificationRequest: { case: 'csrDer', value: sampleRequest() },
    });
    expect(await failure(noDefault)).toMatchObject({ rpcCode: 'FAILED_PRECONDITION', reason: 'NO_DEFAULT_AUTHORITY' });
    const viewer = await cert.certificates({ project: PROJECT, roles: ['viewer'] });
    expect(await failure(viewer.renewCertificate({ name }))).toMatchObject({ rpcCode: 'PERMISSION_DENIED' });
  });

  it('lists in pages, by filter and order', async () => {
    const names = Array.from({ length: 5 }, (_, index) => `page${index}.example`);
    for (const dnsName of names) await issue({ dnsNames: [dnsName, 'pages.example'] });
    const seen: string[] = [];
    let pageToken = '';
    const query = {
      parent: PARENT,
      filter: 'dns_name = "PAGES.example" AND state = "ISSUED"',
      orderBy: 'create_time',
      pageSize: 2,
    };
    do {
      const page = await client.listCertificates({ ...query, pageToken });
      seen.push(...page.certificates.map(({ dnsNames }) => dnsNames[0] ?? ''));
      for (const { pemChain, certificateDer } of page.certificates) {
        expect(pemChain).toEqual([]);
        expect(certificateDer.length).toBeGreaterThan(0);
      }
      pageToken = page.nextPageToken;
      if (pageToken !== '') {
        expect(await failure(client.listCertificates({ ...query, filter: '', pageToken }))).toMatchObject({
          reason: 'INVALID_PAGE_TOKEN',
        });
      }
    } while (pageToken !== '');
    expect(seen).toEqual(names);
  });

  it('renews once', async () => {
    const old = await issue();
    const { certificate } = await client.renewCertificate({ name: old.name, requestId: 'renew-once' });
    expect(certificate).toMatchObject({
      renewedFrom: old.name,
      dnsNames: old.dnsNames,
      publicKeySha256: old.publicKeySha256,
    });
    expect((await client.getCertificate({ name: old.name })).certificate?.replacedBy).toBe(certificate?.name);
    const again = await client.renewCertificate({ name: old.name, requestId: 'renew-once' });
    expect(again.certificate?.name).toBe(certificate?.name);
    const { rpcCode, reason, metadata } = await failure(
      client.renewCertificate({ name: old.name, requestId: 'other' }),
    );
    expect([rpcCode, reason, metadata?.['successor']]).toEqual([
      'FAILED_PRECONDITION',
      'ALREADY_RENEWED',
      certificate?.name,
    ]);
  });

  it('revokes for good, and the CRL shows it within seconds', async () => {
    const { name, serialNumber, etag, createTime } = await issue();
    const stale = await failure(
      client.revokeCertificate({ name, reason: RevocationReason.KEY_COMPROMISE, etag: '77' }),
    );
    expect(stale).toMatchObject({ rpcCode: 'ABORTED', reason: 'ETAG_MISMATCH', field: 'etag' });
    const { certificate } = await client.revokeCertificate({ name, reason: RevocationReason.KEY_COMPROMISE, etag });
    expect(certificate).toMatchObject({
      state: CertificateState.REVOKED,
      revocation: { reason: RevocationReason.KEY_COMPROMISE },
    });
    const revokedAt = certificate?.revocation?.revokeTime;
    if (revokedAt === undefined || createTime === undefined) throw new Error('Times are missing.');
    expect(timestampDate(revokedAt).getTime()).toBeGreaterThanOrEqual(timestampDate(createTime).getTime() - 1_000);
    const entry = await waitFor(
      async () => {
        const der = new Uint8Array(await (await fetch(crlUrl())).arrayBuffer());
        const crl = parseCertificateList(der);
        expect(verifyCertificateListSignature(crl, parsePublicKey(spkiOf(issuing)))).toBe(true);
        return crl.find(BigInt(`0x${serialNumber}`));
      },
      { what: 'the revocation in the CRL', timeoutMs: 8_000 },
    );
    expect(entry.reason).toBe('keyCompromise');
    const other = await failure(client.revokeCertificate({ name, reason: RevocationReason.SUPERSEDED }));
    expect(other).toMatchObject({ rpcCode: 'FAILED_PRECONDITION', reason: 'ALREADY_REVOKED' });
    const ca = await failure(client.revokeCertificate({ name, reason: RevocationReason.CA_COMPROMISE }));
    expect(ca).toMatchObject({ rpcCode: 'INVALID_ARGUMENT', reason: 'REASON_NOT_ALLOWED', field: 'reason' });
  });

  it('tells what would be issued in a dry run', async () => {
    const { certificate } = await client.issueCertificate({
      parent: PARENT,
      certificationRequest: { case: 'csrDer', value: sampleRequest({ dnsNames: ['dry.example'] }) },
      validateOnly: true,
    });
    expect(certificate).toMatchObject({
      state: CertificateState.PENDING,
      name: '',
      serialNumber: '',
      dnsNames: ['dry.example'],
    });
    expect(certificate?.certificateDer).toEqual(new Uint8Array());
    const { certificates } = await client.listCertificates({ parent: PARENT, filter: 'dns_name = "dry.example"' });
    expect(certificates).toEqual([]);
  });

  it('answers UNAVAILABLE while signer is away; then recovery ends the intent and a repeat gets its certificate', async () => {
    const value = sampleRequest({ dnsNames: ['lost.example'] });
    const request = { parent: PARENT, certificationRequest: { case: 'csrDer', value } as const, requestId: 'lost' };
    signer.mood = 'lost';
    const away = await failure(client.issueCertificate(request)).finally(() => {
      signer.mood = 'well';
    });
    expect(away).toMatchObject({ rpcCode: 'UNAVAILABLE', reason: 'SIGNER_UNAVAILABLE' });
    expect(away.retryAfterMs).toBeGreaterThan(0);
    const { certificate } = await client.issueCertificate(request);
    expect(certificate?.state).toBe(CertificateState.ISSUED);
    const { certificates } = await client.listCertificates({ parent: PARENT, filter: 'dns_name = "lost.example"' });
    expect(certificates).toHaveLength(1);
  });

  describe('the pki listener', () => {
    const get = (path: string, init: RequestInit = {}): Promise<Response> =>
      fetch(`http://127.0.0.1:${cert.app.ports.pki}${path}`, init);

    it('serves CRLs with caching headers and conditions', async () => {
      const path = `/crl/${root?.uid}/0.crl`;
      const response = await waitFor(
        async () => {
          const answer = await get(path);
          return answer.status === 200 && answer;
        },
        { what: "the root's first CRL" },
      );
      expect(response.headers.get('content-type')).toBe('application/pkix-crl');
      const maxAge = /^public, max-age=(\d+)$/.exec(response.headers.get('cache-control') ?? '')?.[1];
      expect(Number(maxAge)).toBeGreaterThan(0);
      expect(Number(maxAge)).toBeLessThanOrEqual(60);
      const crl = parseCertificateList(new Uint8Array(await response.arrayBuffer()));
      expect(verifyCertificateListSignature(crl, parsePublicKey(spkiOf(root)))).toBe(true);
      expect(new Date(response.headers.get('last-modified') ?? '')).toEqual(crl.thisUpdate);
      const etag = response.headers.get('etag') ?? '';
      const known = await get(path, { headers: { 'if-none-match': `"x", ${etag}` } });
      expect([known.status, await known.text(), known.headers.get('etag')]).toEqual([304, '', etag]);
      const changed = await get(path, {
        headers: { 'if-none-match': '"x"', 'if-modified-since': new Date().toUTCString() },
      });
      expect(changed.status).toBe(200);
      const since = await get(path, { headers: { 'if-modified-since': new Date().toUTCString() } });
      expect(since.status).toBe(304);
      const head = await get(path, { method: 'HEAD' });
      expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([
        200,
        String(crl.der.length),
        '',
      ]);
    });

    it('serves issuer certificates for good', async () => {
      const response = await get(`/aia/${issuing?.uid}.cer`);
      expect(response.headers.get('content-type')).toBe('application/pkix-cert');
      expect(response.headers.get('cache-control')).toMatch(/immutable/);
      const der = new Uint8Array(await response.arrayBuffer());
      expect(toHex(der)).toBe(toHex(issuing?.certificateDer ?? new Uint8Array()));
    });

    it('knows nothing else, and takes nothing', async () => {
      for (const path of [
        '/',
        '/crl/',
        `/crl/${issuing?.uid}/1.crl`,
        `/crl/${issuing?.uid}/00.crl`,
        `/crl/${issuing?.uid}/0.crl?x=1`,
        `/crl/${issuing?.uid.toUpperCase()}/0.crl`,
        '/crl/00000000-0000-7000-8000-000000000000/0.crl',
        '/aia/00000000-0000-7000-8000-000000000000.cer',
        '/aia/../../etc/passwd',
      ]) {
        expect((await get(path)).status, path).toBe(404);
      }
      const posted = await get(`/aia/${issuing?.uid}.cer`, { method: 'POST', body: 'x' });
      expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
      expect((await get(`/${'a'.repeat(300)}`)).status).toBe(414);
      expect((await get('/', { headers: { 'x-long': 'a'.repeat(5_000) } })).status).toBe(431);
    });
  });
});

function spkiOf(authority: Authority | undefined): Uint8Array {
  const { publicKey } = new X509Certificate(authority?.certificateDer ?? new Uint8Array());
  return new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }));
}
