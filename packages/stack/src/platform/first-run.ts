import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { AuthorityService, AuthorityType, CertificateService } from '@cert-tasks/contracts/cert/v1';
import { type ConnectClient, createConnectClient, RpcError } from '@cert-tasks/rpc';
import {
  assembleCertificationRequest,
  buildCertificationRequestInfo,
  buildName,
  encodePem,
  subjectAltNameExtension,
} from '@cert-tasks/x509';
import { writeFileAtomic } from '../home.ts';
import { StackError } from '../stack-error.ts';

const DEADLINE_MS = 20_000;
/** Services that are ready may still wait for each other's first connection. */
const ATTEMPTS = 5;

/** What the first start makes. */
export interface FirstRun {
  /** False where it was all there. */
  readonly made: boolean;
  readonly root: string;
  readonly issuer: string;
  /** The certificate for localhost, where it was made now. */
  readonly certificate: string | undefined;
  /** Folder of its key and chain. */
  readonly localhostDirectory: string;
}

/**
 * Makes, in a project that has none, a root, an issuing CA below it and a certificate for localhost. Each step is repeatable: a start that was
 * cut short is taken up by the next.
 *
 * @throws StackError 'start-failed' with what the service said.
 */
export async function firstRun(options: {
  readonly certUrl: string;
  readonly adminToken: string;
  readonly project: string;
  readonly directory: string;
}): Promise<FirstRun> {
  const { certUrl, adminToken, project } = options;
  const access = { baseUrl: certUrl, token: adminToken, defaultDeadlineMs: DEADLINE_MS };
  const authorities = createConnectClient(AuthorityService, access);
  const certificates = createConnectClient(CertificateService, access);
  try {
    return await makeAll({
      authorities,
      certificates,
      project,
      localhostDirectory: join(options.directory, 'localhost'),
    });
  } catch (cause) {
    if (!(cause instanceof RpcError)) throw cause;
    throw new StackError('start-failed', `The first authorities could not be made: ${cause.message}`, { cause });
  } finally {
    authorities.close();
    certificates.close();
  }
}

async function makeAll(input: {
  authorities: ConnectClient<typeof AuthorityService>;
  certificates: ConnectClient<typeof CertificateService>;
  project: string;
  localhostDirectory: string;
}): Promise<FirstRun> {
  const { authorities, certificates, project, localhostDirectory } = input;
  const parent = `projects/${project}`;
  const root = `${parent}/authorities/root`;
  const issuer = `${parent}/authorities/issuing`;
  const found = { root, issuer, localhostDirectory };
  if ((await exists(authorities, root)) && (await exists(authorities, issuer))) {
    return { ...found, made: false, certificate: undefined };
  }
  const retry = { retry: { attempts: ATTEMPTS } };
  if (!(await exists(authorities, root))) {
    await authorities.createAuthority(
      {
        parent,
        authorityId: 'root',
        type: AuthorityType.ROOT,
        subject: { commonName: `${project} root` },
        requestId: 'first-run-root',
      },
      retry,
    );
  }
  await authorities.createAuthority(
    {
      parent,
      authorityId: 'issuing',
      type: AuthorityType.SUBORDINATE,
      issuer: root,
      subject: { commonName: `${project} issuing CA` },
      requestId: 'first-run-issuing',
    },
    retry,
  );
  const { keyPem, csrDer } = makeRequest({ dnsNames: ['localhost'], ipAddresses: ['127.0.0.1', '::1'] });
  const { certificate } = await certificates.issueCertificate(
    { parent, certificationRequest: { case: 'csrDer', value: csrDer }, labels: { purpose: 'first-run' } },
    retry,
  );
  await mkdir(localhostDirectory, { recursive: true, mode: 0o700 });
  const chain = certificate?.pemChain ?? [];
  await writeFileAtomic({ path: join(localhostDirectory, 'key.pem'), content: keyPem, mode: 0o600 });
  await writeFileAtomic({
    path: join(localhostDirectory, 'chain.pem'),
    content: chain.slice(0, -1).join(''),
    mode: 0o644,
  });
  await writeFileAtomic({ path: join(localhostDirectory, 'root.pem'), content: chain.at(-1) ?? '', mode: 0o644 });
  return { ...found, made: true, certificate: certificate?.name };
}

async function exists(authorities: ConnectClient<typeof AuthorityService>, name: string): Promise<boolean> {
  try {
    await authorities.getAuthority({ name }, { retry: { attempts: ATTEMPTS } });
    return true;
  } catch (error) {
    if (error instanceof RpcError && error.rpcCode === 'NOT_FOUND') return false;
    throw error;
  }
}

/** A new P-256 key and a request signed with it, for names in the subject alternative name alone. */
export function makeRequest(names: { dnsNames: readonly string[]; ipAddresses?: readonly string[] }): {
  keyPem: string;
  csrDer: Uint8Array;
  csrPem: string;
} {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const requestInfo = buildCertificationRequestInfo({
    subject: buildName([]),
    spki: publicKey.export({ format: 'der', type: 'spki' }),
    extensions: [
      subjectAltNameExtension({
        names: [
          ...names.dnsNames.map((value) => ({ kind: 'dns' as const, value })),
          ...(names.ipAddresses ?? []).map((value) => ({ kind: 'ip' as const, value })),
        ],
        critical: false,
      }),
    ],
  });
  const csrDer = assembleCertificationRequest({
    tbs: requestInfo,
    signatureAlgorithm: 'ecdsa-sha256',
    signature: sign('sha256', requestInfo, privateKey),
  });
  return {
    keyPem: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    csrDer,
    csrPem: encodePem('CERTIFICATE REQUEST', csrDer),
  };
}
