import { fromBinary } from '@bufbuild/protobuf';
import { EventSchema } from '@cert-tasks/contracts/event/v1';
import { parseCertificateList, toHex } from '@cert-tasks/x509';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Certificate } from '../src/domain/certificate.ts';
import { type CertWorld, certWorld, SAMPLE_ORIGIN, sampleClaim } from '../src/testing/cert-world.ts';
import { InMemorySigner } from '../src/testing/in-memory-signer.ts';
import { type CertDatabase, certDatabase } from './cert-database.ts';

const signal = (): AbortSignal => AbortSignal.timeout(15_000);

/** Two replicas over one PostgreSQL and one signer, racing. */
describe('two replicas', () => {
  let database: CertDatabase;
  let signer: InMemorySigner;
  let first: CertWorld;
  let second: CertWorld;
  let both: readonly CertWorld[];
  let project: string;
  let authorityUid: string;

  beforeAll(async () => {
    database = await certDatabase();
    signer = new InMemorySigner();
    first = certWorld(database.stores, { signer });
    second = certWorld(database.replica().stores, { signer });
    both = [first, second];
    const made = await first.project();
    project = made.project;
    authorityUid = made.subordinate.uid;
  });

  afterAll(() => database?.close());

  const eventsOf = async (id: string): Promise<readonly string[]> =>
    (await database.events(`projects/${project}/certificates/${id}`)).map(({ type }) => type);
  const released = async (id: string): Promise<Certificate | undefined> =>
    database.stores.certificates.find({ project, id });

  it('make one certificate of one request', async () => {
    const input = first.issueInput(project, { claim: sampleClaim() });
    const signed = signer.signatures;
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => (both[index % 2] ?? first).issueCertificate.run(input)),
    );
    const [id, ...more] = new Set(answers.map(({ certificate }) => certificate.id));
    expect(more).toEqual([]);
    expect(signer.signatures).toBe(signed + 1);
    expect(await eventsOf(id ?? '')).toEqual(['certificate.created']);
  });

  it('issue many different certificates side by side, each told once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 150 }, (_, index) =>
        (both[index % 2] ?? first).issueCertificate.run(first.issueInput(project, { claim: sampleClaim() })),
      ),
    );
    expect(new Set(answers.map(({ certificate }) => toHex(certificate.serial))).size).toBe(150);
    const rows = await database.db.sql<{ body: Uint8Array }[]>`select body from cert.outbox`;
    const told = rows.map(({ body }) => fromBinary(EventSchema, body).subject);
    for (const { certificate } of answers) {
      expect(told.filter((subject) => subject.endsWith(certificate.id))).toHaveLength(1);
      // What was answered is what is stored.
      expect(await released(certificate.id)).toEqual(certificate);
    }
  });

  it('renew a certificate once', async () => {
    const { certificate } = await first.issueCertificate.run(first.issueInput(project));
    const results = await Promise.allSettled(
      Array.from({ length: 12 }, (_, index) =>
        (both[index % 2] ?? first).renewCertificate.run({
          project,
          id: certificate.id,
          csr: undefined,
          claim: sampleClaim(),
          origin: SAMPLE_ORIGIN,
          signal: signal(),
        }),
      ),
    );
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'already-renewed' });
    }
    const successors = await database.db.sql`select id from cert.certificates where renewed_from = ${certificate.id}`;
    expect(successors).toHaveLength(1);
  });

  it('revoke a certificate once, and the CRL lists it once', async () => {
    const { certificate } = await first.issueCertificate.run(first.issueInput(project));
    const revoke = (world: CertWorld) =>
      world.revokeCertificate.run({
        project,
        id: certificate.id,
        reason: 'superseded',
        version: undefined,
        claim: sampleClaim(),
        origin: SAMPLE_ORIGIN,
      });
    const answers = await Promise.all(Array.from({ length: 10 }, (_, index) => revoke(both[index % 2] ?? first)));
    expect(new Set(answers.map(({ state, version }) => `${state} ${version}`))).toEqual(new Set(['revoked 3']));
    expect(await eventsOf(certificate.id)).toEqual(['certificate.created', 'certificate.revoked']);
    await first.publishDueCrls.run(signal());
    const crl = await database.stores.crls.findCurrent({ authorityUid, shard: 0 });
    const listed = [...parseCertificateList(crl?.der ?? new Uint8Array()).entries()];
    expect(listed.map((entry) => toHex(entry.serialNumberBytes).padStart(40, '0'))).toEqual([
      toHex(certificate.serial),
    ]);
  });

  it('publish one line of CRLs, though both think that they lead, and no revocation is left out', async () => {
    const made = await first.project();
    const shard = { authorityUid: made.subordinate.uid, shard: 0 };
    const revoked: string[] = [];
    const issueAndRevoke = async (world: CertWorld): Promise<void> => {
      const { certificate } = await world.issueCertificate.run(world.issueInput(made.project));
      await world.revokeCertificate.run({
        project: made.project,
        id: certificate.id,
        reason: 'cessation-of-operation',
        version: undefined,
        claim: undefined,
        origin: SAMPLE_ORIGIN,
      });
      revoked.push(toHex(certificate.serial));
    };
    for (let round = 0; round < 6; round++) {
      await Promise.allSettled([
        issueAndRevoke(first),
        issueAndRevoke(second),
        first.publishCrl.run(shard),
        second.publishCrl.run(shard),
      ]);
    }
    // Whoever leads alone at last ends what is open.
    for (let round = 0; round < 3; round++) await first.publishCrl.run(shard);
    const current = await database.stores.crls.findCurrent(shard);
    const crl = parseCertificateList(current?.der ?? new Uint8Array());
    expect([...crl.entries()].map((entry) => toHex(entry.serialNumberBytes).padStart(40, '0')).toSorted()).toEqual(
      revoked.toSorted(),
    );
    const rows = await database.db.sql<{ number: bigint; state: string }[]>`
      select number, state from cert.crls where authority_uid = ${shard.authorityUid} order by number`;
    expect(new Set(rows.map(({ number }) => number)).size).toBe(rows.length);
    expect(rows.filter(({ state }) => state === 'pending')).toEqual([]);
    expect(current?.number).toBe(rows.findLast(({ state }) => state === 'published')?.number);
  });

  it('recover the same intents at once: each ends once, signed ones issued, others failed', async () => {
    signer.mood = 'lost';
    const signed = await Promise.allSettled(
      Array.from({ length: 10 }, () => first.issueCertificate.run(first.issueInput(project))),
    );
    signer.mood = 'away';
    const unsigned = await Promise.allSettled(
      Array.from({ length: 10 }, () => first.issueCertificate.run(first.issueInput(project))),
    );
    signer.mood = 'well';
    expect([...signed, ...unsigned].every(({ status }) => status === 'rejected')).toBe(true);
    const pending = await database.stores.certificates.listPending({ olderThanMs: 0, after: undefined, limit: 100 });
    expect(pending).toHaveLength(20);
    await Promise.all(both.map((world) => world.recover().run(signal())));
    const ended = await Promise.all(pending.map(({ id }) => released(id)));
    expect(ended.map((certificate) => certificate?.state).toSorted()).toEqual([
      ...Array.from({ length: 10 }, () => 'failed'),
      ...Array.from({ length: 10 }, () => 'issued'),
    ]);
    for (const certificate of ended) {
      expect(await eventsOf(certificate?.id ?? '')).toEqual([
        certificate?.state === 'issued' ? 'certificate.created' : 'certificate.failed',
      ]);
    }
    expect([...first.recoveryFailures, ...second.recoveryFailures]).toEqual([]);
    // The ledger and the intents are the same set.
    while (await first.reconcile().run());
    expect(first.breaches).toEqual([]);
  });

  it('make one authority of one request', async () => {
    const input = {
      project,
      id: 'raced',
      type: 'root',
      subject: { commonName: 'Raced' },
      issuerId: undefined,
      keyAlgorithm: 'ed25519',
      lifetimeMs: undefined,
      crlShardCount: 4,
      claim: sampleClaim(),
      validateOnly: false,
      origin: SAMPLE_ORIGIN,
    } as const;
    const results = await Promise.allSettled(
      Array.from({ length: 6 }, (_, index) => (both[index % 2] ?? first).createAuthority.run(input)),
    );
    const uids = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value.uid] : []));
    expect(uids).toHaveLength(6);
    expect(new Set(uids).size).toBe(1);
    const events = await database.events(`projects/${project}/authorities/raced`);
    expect(events.map(({ type }) => type)).toEqual(['authority.created']);
    const shards = await database.db.sql`select shard from cert.crl_shards where authority_uid = ${uids[0] ?? null}`;
    expect(shards).toHaveLength(4);
  });
});
