import { randomUUID } from 'node:crypto';
import {
  type AuditEntry,
  AuditService,
  type Checkpoint,
  type GetInclusionProofResponse,
} from '@cert-tasks/contracts/audit/v1';
import {
  type Certificate,
  CertificateService,
  CertificateState,
  RevocationReason,
} from '@cert-tasks/contracts/cert/v1';
import { TaskService, TaskState } from '@cert-tasks/contracts/task/v1';
import { sleep } from '@cert-tasks/kernel';
import { leafCommitment, leafHash, noteVerifier, verifyCheckpoint, verifyInclusion } from '@cert-tasks/merkle';
import { type ConnectClient, createConnectClient, RpcError } from '@cert-tasks/rpc';
import { makeRequest } from '@cert-tasks/stack';
import {
  type CertificateList,
  decodePem,
  equalOctets,
  OID,
  PATH_POLICIES,
  parseCertificate,
  parseCertificateList,
  parseCrlDistributionPoints,
  validatePath,
  verifyCertificateListSignature,
  type Certificate as X509Certificate,
} from '@cert-tasks/x509';
import { CliError } from '../cli-error.ts';

const NAME = 'www.example.test';
const DEADLINE_MS = 20_000;
const WAIT_MS = 60_000;
const STEP_MS = 200;
const MAX_CRL_BYTES = 1024 * 1024;

/** What the story leaves behind: everything that a person can verify with other tools. */
export interface Evidence {
  readonly root: Uint8Array;
  /** The issuing CA's certificates, without leaf and root. */
  readonly intermediates: readonly Uint8Array[];
  readonly leaf: Uint8Array;
  readonly renewed: Uint8Array;
  readonly crl: Uint8Array;
  readonly checkpoint: string;
  readonly entries: readonly AuditEntry[];
}

interface Chain {
  readonly leaf: X509Certificate;
  readonly intermediates: readonly X509Certificate[];
  readonly root: X509Certificate;
}

/** The life of one certificate, told over the public APIs; each step is verified independently of the service that took it. */
export class Story {
  readonly #project: string;
  readonly #tell: (line: string) => void;
  readonly #certificates: ConnectClient<typeof CertificateService>;
  readonly #tasks: ConnectClient<typeof TaskService>;
  readonly #audit: ConnectClient<typeof AuditService>;

  constructor(options: {
    readonly project: string;
    readonly urls: { readonly cert: string; readonly task: string; readonly audit: string };
    readonly token: string;
    readonly tell: (line: string) => void;
  }) {
    const access = { token: options.token, defaultDeadlineMs: DEADLINE_MS };
    this.#project = options.project;
    this.#tell = options.tell;
    this.#certificates = createConnectClient(CertificateService, { ...access, baseUrl: options.urls.cert });
    this.#tasks = createConnectClient(TaskService, { ...access, baseUrl: options.urls.task });
    this.#audit = createConnectClient(AuditService, { ...access, baseUrl: options.urls.audit });
  }

  /** @throws CliError 'not-verified' where something does not hold; RpcError. */
  async run(): Promise<Evidence> {
    const { issued, chain } = await this.#issue();
    const { renewed, taskName } = await this.#renewByTask(issued, chain);
    const crl = await this.#revoke(issued, chain);
    const { entries, checkpoint } = await this.#findInLog([
      { type: 'certificate.created', subject: issued.name },
      { type: 'task.created', subject: taskName },
      { type: 'task.started', subject: taskName },
      { type: 'certificate.renewed', subject: renewed.name },
      { type: 'task.completed', subject: taskName },
      { type: 'certificate.revoked', subject: issued.name },
    ]);
    return {
      root: chain.root.der,
      intermediates: chain.intermediates.map(({ der }) => der),
      leaf: issued.certificateDer,
      renewed: renewed.certificateDer,
      crl: crl.der,
      checkpoint: checkpoint.signedNote,
      entries,
    };
  }

  close(): void {
    this.#certificates.close();
    this.#tasks.close();
    this.#audit.close();
  }

  async #issue(): Promise<{ issued: Certificate; chain: Chain }> {
    const { csrDer } = makeRequest({ dnsNames: [NAME] });
    const order = {
      parent: `projects/${this.#project}`,
      certificationRequest: { case: 'csrDer' as const, value: csrDer },
      requestId: randomUUID(),
    };
    const issued = present((await this.#certificates.issueCertificate(order)).certificate);
    const again = present((await this.#certificates.issueCertificate(order)).certificate);
    check(again.name === issued.name, 'the same request answered with another certificate');
    const chain = parseChain(issued);
    this.#tell(`issued ${issued.name} from a CSR; the same request again gave the same certificate`);
    verifyChain(chain);
    this.#tell(`its chain verifies for ${NAME} as a TLS server: ${chain.intermediates.length} intermediate, 1 root`);
    return { issued, chain };
  }

  async #renewByTask(issued: Certificate, chain: Chain): Promise<{ renewed: Certificate; taskName: string }> {
    const created = await this.#tasks.createTask({
      parent: `projects/${this.#project}`,
      type: 'cert.renew',
      payload: { certificate: issued.name },
      uniqueKey: issued.name,
      requestId: randomUUID(),
    });
    const taskName = present(created.task).name;
    const task = await waitFor('the renewal task to end', async () => {
      const { task: now } = await this.#tasks.getTask({ name: taskName });
      check(
        now?.state !== TaskState.FAILED && now?.state !== TaskState.DEAD,
        `the task ended badly: ${now?.lastError?.message}`,
      );
      return now?.state === TaskState.COMPLETED ? now : undefined;
    });
    const successor = task.result?.['certificate'];
    check(typeof successor === 'string', 'the task named no successor');
    const renewed = present((await this.#certificates.getCertificate({ name: String(successor) })).certificate);
    check(renewed.renewedFrom === issued.name, 'the successor names another predecessor');
    const renewedChain = parseChain(renewed);
    verifyChain(renewedChain);
    check(equalOctets(renewedChain.leaf.spki, chain.leaf.spki), 'the successor has another key');
    check(renewed.serialNumber !== issued.serialNumber, 'the successor has the same serial number');
    this.#tell(`renewed by task ${taskName}: ${renewed.name}, same key and names, chain verified`);
    return { renewed, taskName };
  }

  async #revoke(issued: Certificate, chain: Chain): Promise<CertificateList> {
    const { certificate } = await this.#certificates.revokeCertificate({
      name: issued.name,
      reason: RevocationReason.SUPERSEDED,
      requestId: randomUUID(),
    });
    check(certificate?.state === CertificateState.REVOKED, 'it is not revoked');
    const url = crlUrlOf(chain.leaf);
    const issuer = chain.intermediates[0] ?? chain.root;
    const crl = await waitFor('the CRL to list it', async () => {
      const list = parseCertificateList(await fetchCrl(url));
      check(verifyCertificateListSignature(list, issuer.spki), 'the CRL does not verify with the issuer’s key');
      return list.find(chain.leaf.serialNumber) === undefined ? undefined : list;
    });
    check(crl.find(chain.leaf.serialNumber)?.reason === 'superseded', 'the CRL gives another reason');
    this.#tell(`revoked ${issued.name}; CRL ${crl.crlNumber} at ${url} lists it and verifies`);
    return crl;
  }

  async #findInLog(
    wanted: readonly { readonly type: string; readonly subject: string }[],
  ): Promise<{ entries: readonly AuditEntry[]; checkpoint: Checkpoint }> {
    const entries: AuditEntry[] = [];
    let latest: Checkpoint | undefined;
    for (const { type, subject } of wanted) {
      const entry = await waitFor(`${type} to be in the log`, async () => {
        const filter = `type = "${type}" AND subject = "${subject}"`;
        const page = await this.#audit.listAuditEntries({ parent: `projects/${this.#project}`, filter });
        return page.entries[0];
      });
      latest = await waitFor(`a checkpoint over ${type}`, () => this.#prove(entry));
      entries.push(entry);
      this.#tell(
        `audit entry ${entry.index}: ${type}; included in the checkpoint of ${latest.treeSize} that signer witnessed`,
      );
    }
    return { entries, checkpoint: present(latest) };
  }

  /** Verifies that an entry is in a signed checkpoint, from its event up. Undefined where it is younger than the checkpoint. */
  async #prove(entry: AuditEntry): Promise<Checkpoint | undefined> {
    let proof: GetInclusionProofResponse;
    try {
      proof = await this.#audit.getInclusionProof({ name: entry.name });
    } catch (error) {
      if (error instanceof RpcError && error.reason === 'NOT_YET_CHECKPOINTED') return undefined;
      throw error;
    }
    const { origin, signedNote, verifierKey } = present(proof.checkpoint);
    const { checkpoint } = verifyCheckpoint(signedNote, { origin, logKeys: [noteVerifier(verifierKey)] });
    const leaf = leafCommitment({ salt: entry.salt, canonicalEvent: Buffer.from(entry.canonicalEvent) });
    check(equalOctets(leaf, entry.leafData), 'the leaf does not commit to the event');
    verifyInclusion({
      index: proof.index,
      size: checkpoint.size,
      root: checkpoint.root,
      proof: proof.hashes,
      leafHash: leafHash(leaf),
    });
    return proof.checkpoint;
  }
}

function parseChain(certificate: Certificate): Chain {
  const [leaf, ...issuers] = certificate.pemChain.map((pem) => parseCertificate(decodePem(pem, 'CERTIFICATE')));
  const root = issuers.pop();
  check(
    leaf !== undefined && equalOctets(leaf.der, certificate.certificateDer),
    'the chain does not begin with the certificate',
  );
  return { leaf: present(leaf), intermediates: issuers, root: present(root) };
}

function verifyChain({ leaf, intermediates, root }: Chain): void {
  const verdict = validatePath({
    leaf,
    intermediates,
    trustAnchors: [root],
    time: new Date(),
    policy: PATH_POLICIES.rfc5280,
    purposes: [OID.serverAuth],
    peerName: { kind: 'dns', value: NAME },
  });
  check(
    verdict.ok,
    verdict.ok
      ? ''
      : `the chain does not verify: ${verdict.failures.map(({ rule, detail }) => `${rule}: ${detail}`).join('; ')}`,
  );
}

function crlUrlOf(leaf: X509Certificate): string {
  const extension = present(leaf.extension(OID.cRLDistributionPoints));
  const name = parseCrlDistributionPoints(extension)[0]?.name;
  const url = name?.kind === 'fullName' ? name.names.find(({ kind }) => kind === 'uri') : undefined;
  check(url?.kind === 'uri', 'the certificate names no CRL');
  return url?.kind === 'uri' ? url.value : '';
}

async function fetchCrl(url: string): Promise<Uint8Array> {
  const response = await fetch(url, { signal: AbortSignal.timeout(DEADLINE_MS) });
  check(response.status === 200, `the CRL answered ${response.status}`);
  const bytes = new Uint8Array(await response.arrayBuffer());
  check(bytes.length <= MAX_CRL_BYTES, 'the CRL is larger than it can be');
  return bytes;
}

/** Looks again until there is something. @throws CliError 'timed-out'. */
async function waitFor<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  for (const until = performance.now() + WAIT_MS; performance.now() < until; await sleep(STEP_MS)) {
    const found = await look();
    if (found !== undefined) return found;
  }
  throw new CliError('timed-out', `Waited ${WAIT_MS / 1000} s for ${what}.`);
}

function check(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new CliError('not-verified', otherwise);
}

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new CliError('not-verified', 'a service left out what it must say');
  return value;
}
