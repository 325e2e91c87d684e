import { randomBytes, X509Certificate } from 'node:crypto';
import { createServer } from 'node:net';
import {
  type Authority,
  AuthorityType,
  type CertificateService,
  CertificateState,
  RevocationReason,
} from '@cert-tasks/contracts/cert/v1';
import { KeyAlgorithm } from '@cert-tasks/contracts/signer/v1';
import { type ConnectClient, RpcError } from '@cert-tasks/rpc';
import { createTestDatabase, type SpawnedService, spawnService, type TestDatabase, waitFor } from '@cert-tasks/testkit';
import { parseCertificateList } from '@cert-tasks/x509';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sampleRequest } from '../src/testing/sample-request.ts';
import { startCertApp, type TestCertApp, type TestPlatform, testPlatform } from './cert-app.ts';

const PARENT = 'projects/acme';

/** The signer service itself, as a process, behind mutual TLS. */
describe('cert with the real signer', () => {
  let platform: TestPlatform;
  let signerDatabase: TestDatabase;
  let signerEnv: Record<string, string>;
  let opsPort: number;
  let signer: SpawnedService | undefined;
  let cert: TestCertApp;
  let client: ConnectClient<typeof CertificateService>;

  const startSigner = async (): Promise<void> => {
    signer = await spawnService({ service: 'signer', env: signerEnv, opsPort });
  };
  const stopSigner = async (): Promise<void> => {
    await signer?.[Symbol.asyncDispose]();
    signer = undefined;
  };

  beforeAll(async () => {
    platform = await testPlatform();
    signerDatabase = await createTestDatabase({ service: 'signer' });
    const [publicPort, internalPort, ops] = await freePorts(3);
    opsPort = ops ?? 0;
    const { caFile, certFile, keyFile } = platform.transport('signer');
    signerEnv = {
      SIGNER_PUBLIC_PORT: String(publicPort),
      SIGNER_INTERNAL_PORT: String(internalPort),
      SIGNER_OPS_PORT: String(ops),
      SIGNER_INTERNAL_TLS_CA_FILE: caFile,
      SIGNER_INTERNAL_TLS_CERT_FILE: certFile,
      SIGNER_INTERNAL_TLS_KEY_FILE: keyFile,
      SIGNER_DATABASE_URL: signerDatabase.appUrl,
      SIGNER_DATABASE_OWNER_URL: signerDatabase.ownerUrl,
      SIGNER_TOKEN_ISSUER: platform.tokens.issuer,
      SIGNER_TOKEN_AUDIENCE: platform.tokens.audience,
      SIGNER_TOKEN_JWKS: platform.jwksFile,
      SIGNER_KEK: randomBytes(32).toString('base64'),
      SIGNER_LEDGER_SETTLE_SECONDS: '0',
    };
    await startSigner();
    cert = await startCertApp({ platform, config: { signerAddress: `127.0.0.1:${internalPort}` } });
    client = await cert.certificates({ project: 'acme' });
  });

  afterAll(async () => {
    await cert?.close();
    await stopSigner();
    await signerDatabase?.drop();
    platform?.close();
  });

  const authority = async (id: string, keyAlgorithm: KeyAlgorithm, issuer = ''): Promise<Authority> => {
    const authorities = await cert.authorities({ project: 'acme' });
    const { authority: made } = await authorities.createAuthority({
      parent: PARENT,
      authorityId: id,
      type: issuer === '' ? AuthorityType.ROOT : AuthorityType.SUBORDINATE,
      subject: { commonName: `Test ${id}`, organization: 'Example' },
      issuer: issuer === '' ? '' : `${PARENT}/authorities/${issuer}`,
      keyAlgorithm,
      requestId: id,
    });
    if (made === undefined) throw new Error('No authority came.');
    return made;
  };
  const issue = (request: { authority?: string; requestId?: string; csr?: Uint8Array } = {}) => {
    const { csr = sampleRequest(), ...rest } = request;
    return client.issueCertificate({ parent: PARENT, certificationRequest: { case: 'csrDer', value: csr }, ...rest });
  };

  it('makes authorities of every algorithm, and issues under each', async () => {
    const algorithms = [
      ['ec-p256', KeyAlgorithm.EC_P256],
      ['ec-p384', KeyAlgorithm.EC_P384],
      ['ed25519', KeyAlgorithm.ED25519],
      ['rsa-2048', KeyAlgorithm.RSA_2048],
    ] as const;
    for (const [name, algorithm] of algorithms) {
      await authority(`root-${name}`, algorithm);
      const issuing = await authority(`issuing-${name}`, algorithm, `root-${name}`);
      const { certificate } = await issue({ authority: issuing.name });
      const [leaf, issuer, root] = (certificate?.pemChain ?? []).map((pem) => new X509Certificate(pem));
      if (leaf === undefined || issuer === undefined || root === undefined) throw new Error('The chain is too short.');
      expect(leaf.verify(issuer.publicKey) && issuer.verify(root.publicKey) && root.verify(root.publicKey), name).toBe(
        true,
      );
      expect(leaf.checkIssued(issuer) && issuer.checkIssued(root), name).toBe(true);
    }
  });

  it('signs many at once, renews, revokes and publishes', async () => {
    const answers = await Promise.all(Array.from({ length: 60 }, () => issue()));
    const serials = new Set(answers.map(({ certificate }) => certificate?.serialNumber));
    expect(serials.size).toBe(60);
    const name = answers[0]?.certificate?.name ?? '';
    const renewed = await client.renewCertificate({ name, requestId: 'renewed' });
    expect(renewed.certificate?.state).toBe(CertificateState.ISSUED);
    const { certificate } = await client.revokeCertificate({ name, reason: RevocationReason.SUPERSEDED });
    const { authority: issuing } = await (await cert.authorities({ project: 'acme' })).getAuthority({
      name: certificate?.authority ?? '',
    });
    const url = `http://127.0.0.1:${cert.app.ports.pki}/crl/${issuing?.uid}/${certificate?.crlShard}.crl`;
    const entry = await waitFor(
      async () => {
        const crl = parseCertificateList(new Uint8Array(await (await fetch(url)).arrayBuffer()));
        return crl.find(BigInt(`0x${certificate?.serialNumber}`));
      },
      { what: 'the revocation in the CRL', timeoutMs: 10_000 },
    );
    expect(entry.reason).toBe('superseded');
  });

  it('ends what was open when signer comes back after it was away', async () => {
    const csr = sampleRequest({ dnsNames: ['away.example'] });
    const request = { csr, requestId: 'away' };
    await stopSigner();
    const refused = await issue(request).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(refused).toBeInstanceOf(RpcError);
    expect(refused).toMatchObject({ rpcCode: 'UNAVAILABLE', reason: 'SIGNER_UNAVAILABLE' });
    await startSigner();
    // Recovery has signer void the intent that it never saw; then the same request is issued anew.
    const { certificate } = await waitFor(() => issue(request), { what: 'the repeat to be issued', timeoutMs: 20_000 });
    expect(certificate).toMatchObject({ state: CertificateState.ISSUED, dnsNames: ['away.example'] });
    const { certificates } = await client.listCertificates({ parent: PARENT, filter: 'dns_name = "away.example"' });
    expect(certificates.map(({ state }) => state).toSorted()).toEqual([
      CertificateState.ISSUED,
      CertificateState.FAILED,
    ]);
  });
});

/** Ports that nobody uses just now. */
async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports: number[] = [];
  for (const server of servers) {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (typeof address === 'object' && address !== null) ports.push(address.port);
  }
  for (const server of servers) await new Promise((resolve) => server.close(resolve));
  return ports;
}
