import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AuthorityType, type Certificate, RevocationReason } from '@cert-tasks/contracts/cert/v1';
import { KeyAlgorithm } from '@cert-tasks/contracts/signer/v1';
import { waitFor } from '@cert-tasks/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Clients, PROJECT, TestPlatform } from '../test-platform.ts';
import { runTool, type ToolRun } from './run-tool.ts';

const parent = `projects/${PROJECT}`;
const NAME = 'www.example.test';

let test: TestPlatform;
let clients: Clients;
let folder: string;
let good: Certificate;
let revoked: Certificate;

const openssl = (...args: readonly string[]): Promise<ToolRun> => runTool('openssl', args, { cwd: folder });
const curl = (...args: readonly string[]): Promise<ToolRun> => runTool('curl', args, { cwd: folder });
/** What openssl and curl say of success, with their words where it is none. */
const succeeded = (run: ToolRun): void => expect(run.code, run.stdout + run.stderr).toBe(0);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cert-tasks-referee-'));
  test = await TestPlatform.start();
  clients = test.clients();
  [good, revoked] = await Promise.all([issue('good'), issue('revoked')]);
  await clients.certificates.revokeCertificate({ name: revoked.name, reason: RevocationReason.KEY_COMPROMISE });
}, 120_000);

afterAll(async () => {
  await test?.stop();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

/** Has openssl make the key and the request, and files what comes back: name.pem, name-chain.pem and root.pem. */
async function issue(name: string, authority = ''): Promise<Certificate> {
  const request = await openssl(
    ...['req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', `${name}.key`],
    ...['-out', `${name}.csr`, '-subj', '/', '-addext', `subjectAltName=DNS:${NAME},IP:127.0.0.1`],
  );
  succeeded(request);
  const { certificate } = await clients.certificates.issueCertificate({
    parent,
    authority,
    certificationRequest: { case: 'csrPem', value: readFileSync(join(folder, `${name}.csr`), 'utf8') },
  });
  if (certificate === undefined) throw new Error('Nothing was issued');
  const [leaf = '', ...issuers] = certificate.pemChain;
  writeFileSync(join(folder, `${name}.pem`), leaf);
  writeFileSync(join(folder, `${name}-chain.pem`), issuers.slice(0, -1).join(''));
  writeFileSync(join(folder, `${name}-root.pem`), issuers.at(-1) ?? '');
  return certificate;
}

/** Fetches the CRL that a certificate names, until it is younger than the revocation, and files it in PEM. */
async function fetchCrl(certificate: string, file: string): Promise<void> {
  const shown = await openssl('x509', '-in', certificate, '-noout', '-ext', 'crlDistributionPoints');
  const [url = ''] = /http:\/\/\S+\.crl/.exec(shown.stdout) ?? [];
  succeeded(await curl('--silent', '--show-error', '--fail', '--output', `${file}.der`, url));
  succeeded(await openssl('crl', '-inform', 'DER', '-in', `${file}.der`, '-out', file));
}

describe('openssl', () => {
  it('verifies the chain for a TLS server and its name, and the key belongs to it', async () => {
    succeeded(
      await openssl(
        ...['verify', '-x509_strict', '-purpose', 'sslserver', '-verify_hostname', NAME, '-CAfile', 'good-root.pem'],
        ...['-untrusted', 'good-chain.pem', 'good.pem'],
      ),
    );
    const other = await openssl(
      ...['verify', '-x509_strict', '-verify_hostname', 'other.example.test', '-CAfile', 'good-root.pem'],
      ...['-untrusted', 'good-chain.pem', 'good.pem'],
    );
    expect(other.code).not.toBe(0);
    const [fromKey, fromCertificate] = await Promise.all([
      openssl('pkey', '-in', 'good.key', '-pubout'),
      openssl('x509', '-in', 'good.pem', '-noout', '-pubkey'),
    ]);
    expect(fromCertificate.stdout).toBe(fromKey.stdout);
  });

  it.each([
    ['EC P-384', KeyAlgorithm.EC_P384],
    ['RSA 2048', KeyAlgorithm.RSA_2048],
    ['Ed25519', KeyAlgorithm.ED25519],
  ])('verifies what an authority with a key of %s has issued', async (_what, keyAlgorithm) => {
    const admin = test.clients(test.token({ kind: 'admin', roles: { '*': ['admin'] } }));
    const id = `root-${keyAlgorithm}`;
    const { authority: root } = await admin.authorities.createAuthority({
      parent,
      authorityId: id,
      type: AuthorityType.ROOT,
      subject: { commonName: id, organization: 'Müller & Söhne', country: 'DE' },
      keyAlgorithm,
    });
    const { authority: issuing } = await admin.authorities.createAuthority({
      parent,
      authorityId: `issuing-${keyAlgorithm}`,
      type: AuthorityType.SUBORDINATE,
      issuer: root?.name ?? '',
      subject: { commonName: `issuing ${keyAlgorithm}` },
      keyAlgorithm,
    });
    const name = `by-${keyAlgorithm}`;
    await issue(name, issuing?.name ?? '');
    succeeded(
      await openssl(
        ...['verify', '-x509_strict', '-CAfile', `${name}-root.pem`, '-untrusted', `${name}-chain.pem`, `${name}.pem`],
      ),
    );
  });

  it('reads every certificate as we mean it', async () => {
    const text = async (file: string): Promise<string> => {
      const run = await openssl('x509', '-in', file, '-noout', '-text', '-certopt', 'ext_error');
      succeeded(run);
      return run.stdout;
    };
    const leaf = await text('good.pem');
    expect(leaf).toContain(`DNS:${NAME}, IP Address:127.0.0.1`);
    expect(leaf).toContain('TLS Web Server Authentication');
    expect(leaf).toMatch(/Basic Constraints: critical\s+CA:FALSE/);
    expect(leaf).toMatch(/Key Usage: critical\s+Digital Signature/);
    expect(leaf.toLowerCase().replaceAll(':', '')).toContain(good.serialNumber);
    expect(leaf).toMatch(/CA Issuers - URI:http:\/\/127\.0\.0\.1:\d+\/aia\/[0-9a-f-]+\.cer/);
    const issuer = await text('good-chain.pem');
    expect(issuer).toMatch(/Basic Constraints: critical\s+CA:TRUE/);
    expect(issuer).toMatch(/Key Usage: critical\s+Certificate Sign, CRL Sign/);
    const root = await text('good-root.pem');
    expect(root).toMatch(/Basic Constraints: critical\s+CA:TRUE/);
    expect(root).not.toContain('CRL Distribution Points');
  });

  it('finds the issuer’s certificate where the leaf says', async () => {
    const shown = await openssl('x509', '-in', 'good.pem', '-noout', '-ext', 'authorityInfoAccess');
    const [url = ''] = /http:\/\/\S+\.cer/.exec(shown.stdout) ?? [];
    succeeded(await curl('--silent', '--show-error', '--fail', '--output', 'issuer.cer', url));
    const [fetched, sent] = await Promise.all([
      openssl('x509', '-inform', 'DER', '-in', 'issuer.cer', '-noout', '-fingerprint', '-sha256'),
      openssl('x509', '-in', 'good-chain.pem', '-noout', '-fingerprint', '-sha256'),
    ]);
    expect(fetched.stdout).toBe(sent.stdout);
  });

  it('verifies the CRL, and knows by it which certificate is revoked', async () => {
    const serial = revoked.serialNumber.toUpperCase().replace(/^0+/, '');
    const text = await waitFor(
      async () => {
        await fetchCrl('good.pem', 'leaf.crl');
        const { stdout } = await openssl('crl', '-in', 'leaf.crl', '-noout', '-text');
        return stdout.includes(serial) ? stdout : undefined;
      },
      { what: 'the CRL to list the revocation', timeoutMs: 20_000 },
    );
    expect(text).toMatch(/CRL Reason Code:\s+Key Compromise/);
    const verified = await openssl('crl', '-in', 'leaf.crl', '-noout', '-verify', '-CAfile', 'good-chain.pem');
    expect(verified.stderr).toContain('verify OK');
    const byOther = await openssl('crl', '-in', 'leaf.crl', '-noout', '-verify', '-CAfile', 'good-root.pem');
    expect(byOther.stderr).not.toContain('verify OK');

    await fetchCrl('good-chain.pem', 'issuer.crl');
    writeFileSync(
      join(folder, 'all.crl'),
      ['leaf.crl', 'issuer.crl'].map((file) => readFileSync(join(folder, file))).join(''),
    );
    const check = (certificate: string, flag: string): Promise<ToolRun> =>
      openssl(
        ...[
          'verify',
          flag,
          '-x509_strict',
          '-extended_crl',
          '-CAfile',
          'good-root.pem',
          '-untrusted',
          'good-chain.pem',
        ],
        ...['-CRLfile', 'all.crl', certificate],
      );
    for (const flag of ['-crl_check', '-crl_check_all']) {
      succeeded(await check('good.pem', flag));
      const refused = await check('revoked.pem', flag);
      expect(refused.code).not.toBe(0);
      expect(refused.stderr).toContain('certificate revoked');
    }
  });
});

describe('openssl, where revocations are split into several CRLs', () => {
  it('takes each CRL for its own part alone', async () => {
    const admin = test.clients(test.token({ kind: 'admin', roles: { '*': ['admin'] } }));
    const { authority } = await admin.authorities.createAuthority({
      parent,
      authorityId: 'split',
      type: AuthorityType.SUBORDINATE,
      issuer: `${parent}/authorities/root`,
      subject: { commonName: 'split issuing CA' },
      crlShardCount: 3,
    });
    const split = await issue('split', authority?.name);
    await waitFor(
      () =>
        fetchCrl('split.pem', 'split.crl').then(
          () => true,
          () => false,
        ),
      { what: 'the first CRL', timeoutMs: 20_000 },
    );
    const shown = await openssl('crl', '-in', 'split.crl', '-noout', '-text');
    expect(shown.stdout).toMatch(/Issuing Distribution Point: critical/);
    expect(shown.stdout).toContain(`/${split.crlShard}.crl`);
    expect(split.crlShard).toBe(Number.parseInt(split.serialNumber.slice(-2), 16) % 3);
    const check = (): Promise<ToolRun> =>
      openssl(
        ...['verify', '-crl_check', '-x509_strict', '-extended_crl', '-CAfile', 'split-root.pem'],
        ...['-untrusted', 'split-chain.pem', '-CRLfile', 'split.crl', 'split.pem'],
      );
    succeeded(await check());
    await clients.certificates.revokeCertificate({ name: split.name, reason: RevocationReason.SUPERSEDED });
    await waitFor(
      async () => {
        await fetchCrl('split.pem', 'split.crl');
        return (await check()).stderr.includes('certificate revoked');
      },
      { what: 'the CRL to list it', timeoutMs: 20_000 },
    );
  });
});

describe('curl', () => {
  /** As the README shows it: a token, JSON, one line. */
  const rpc = (url: string, json: string, ...more: readonly string[]): Promise<ToolRun> =>
    curl(...['--silent', '--show-error', url, '--header', 'content-type: application/json', '--data', json], ...more);
  const bearer = (token = test.token()): readonly string[] => ['--header', `authorization: Bearer ${token}`];

  it('calls an RPC with a token and JSON', async () => {
    const url = `${test.platform.urls.cert}/certtasks.cert.v1.CertificateService/ListCertificates`;
    const answer = await rpc(url, JSON.stringify({ parent, pageSize: 100 }), '--fail', ...bearer());
    succeeded(answer);
    const { certificates } = JSON.parse(answer.stdout);
    expect(certificates.map(({ name }: { name: string }) => name)).toContain(good.name);
    const one = await rpc(
      `${test.platform.urls.cert}/certtasks.cert.v1.CertificateService/GetCertificate`,
      JSON.stringify({ name: good.name }),
      '--fail',
      ...bearer(),
    );
    expect(JSON.parse(one.stdout)).toMatchObject({
      certificate: { name: good.name, state: 'CERTIFICATE_STATE_ISSUED', serialNumber: good.serialNumber },
    });
  });

  it('issues with what openssl has made', async () => {
    const answer = await rpc(
      `${test.platform.urls.cert}/certtasks.cert.v1.CertificateService/IssueCertificate`,
      JSON.stringify({ parent, csrPem: readFileSync(join(folder, 'good.csr'), 'utf8'), requestId: 'curl-1' }),
      '--fail',
      ...bearer(),
    );
    succeeded(answer);
    writeFileSync(join(folder, 'curl.pem'), JSON.parse(answer.stdout).certificate.pemChain[0]);
    succeeded(await openssl('verify', '-CAfile', 'good-root.pem', '-untrusted', 'good-chain.pem', 'curl.pem'));
  });

  it('is told by status and JSON what was wrong', async () => {
    const url = `${test.platform.urls.cert}/certtasks.cert.v1.CertificateService/GetCertificate`;
    const status = ['--write-out', '\n%{http_code}'];
    const name = JSON.stringify({ name: `${parent}/certificates/01900000-0000-7000-8000-000000000000` });
    for (const [what, code, http, run] of [
      ['no token', 'unauthenticated', '401', rpc(url, name, ...status)],
      ['no role', 'permission_denied', '403', rpc(url, name, ...bearer(test.token({ roles: {} })), ...status)],
      ['no certificate', 'not_found', '404', rpc(url, name, ...bearer(), ...status)],
      ['no JSON', 'invalid_argument', '400', rpc(url, '{', ...bearer(), ...status)],
    ] as const) {
      const [body = '', answered] = (await run).stdout.split('\n');
      expect([JSON.parse(body).code, answered], what).toEqual([code, http]);
    }
  });

  it('need not fetch a CRL again that it has', async () => {
    const shown = await openssl('x509', '-in', 'good.pem', '-noout', '-ext', 'crlDistributionPoints');
    const [url = ''] = /http:\/\/\S+\.crl/.exec(shown.stdout) ?? [];
    const first = await curl('--silent', '--fail', '--output', 'cached.crl', '--dump-header', '-', url);
    succeeded(first);
    expect(first.stdout).toMatch(/^content-type: application\/pkix-crl\r$/im);
    expect(first.stdout).toMatch(/^cache-control: .*max-age=\d+/im);
    const [, etag = ''] = /^etag: (\S+)\r$/im.exec(first.stdout) ?? [];
    expect(etag).not.toBe('');
    const again = await curl(
      ...['--silent', '--output', 'again.crl', '--write-out', '%{http_code} %{size_download}'],
      ...['--header', `if-none-match: ${etag}`, url],
    );
    expect(again.stdout).toBe('304 0');
    const changed = await curl(
      ...['--silent', '--output', 'again.crl', '--write-out', '%{http_code}', '--header', 'if-none-match: "x"', url],
    );
    expect(changed.stdout).toBe('200');
    const head = await curl('--silent', '--head', url);
    expect(head.stdout).toMatch(/^HTTP\/1\.1 200 /);
  });
});

describe('a TLS server with what was issued', () => {
  it('is trusted by curl with the root alone', async () => {
    writeFileSync(
      join(folder, 'server.pem'),
      ['good.pem', 'good-chain.pem'].map((file) => readFileSync(join(folder, file), 'utf8')).join(''),
    );
    const server = createServer(
      { cert: readFileSync(join(folder, 'server.pem')), key: readFileSync(join(folder, 'good.key')) },
      (_request, response) => response.end('hello'),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const via = ['--silent', '--resolve', `${NAME}:${port}:127.0.0.1`, `https://${NAME}:${port}/`];
    const trusted = await curl('--cacert', 'good-root.pem', ...via);
    const untrusted = await curl('--capath', '/nonexistent', '--cacert', 'good.csr', ...via);
    server.close();
    expect([trusted.code, trusted.stdout]).toEqual([0, 'hello']);
    expect(untrusted.code).not.toBe(0);
  });
});
