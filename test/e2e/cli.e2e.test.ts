import { createHash, generateKeyPairSync } from 'node:crypto';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FAILPOINTS } from '@cert-tasks/failpoint';
import { sleep } from '@cert-tasks/kernel';
import { checkPortsFree, makeRequest, type Ports } from '@cert-tasks/stack';
import { waitFor } from '@cert-tasks/testkit';
import { decodePem, parseCertificate, verifyCertificateSignature } from '@cert-tasks/x509';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Ended,
  failToStart,
  freePortBase,
  runCommand,
  type StartedPlatform,
  startPlatform,
  waitUntilGone,
} from './started-platform.ts';

/** Machines that test are slow at times; the goal is 10 s. */
const READY_BOUND_MS = 30_000;
/** Between two looks by a command, which costs a process. */
const POLL_MS = 300;

const folder = mkdtempSync(join(tmpdir(), 'cert-tasks-cli-'));
// Root's PostgreSQL runs as another user, who must be able to pass through.
chmodSync(folder, 0o711);
const home = join(folder, 'home');
const out = join(folder, 'out');

let env: Readonly<Record<string, string>>;
let ports: Ports;
let platform: StartedPlatform;

beforeAll(async () => {
  const free = await freePortBase();
  ports = free.ports;
  env = { CERT_TASKS_HOME: home, CERT_TASKS_PORT_BASE: free.base };
  platform = await startPlatform(env);
}, 120_000);

afterAll(async () => {
  await platform?.end('SIGTERM').catch(() => undefined);
  await waitUntilGone(platform?.pids ?? []);
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

async function cli(...args: readonly string[]): Promise<Ended> {
  return runCommand(args, { env, cwd: folder });
}

/** Runs a command that must go well, and reads the JSON document that it prints. */
async function cliJson(...args: readonly string[]): Promise<Record<string, unknown>> {
  const run = await cli(...args);
  expect(run.code, run.stderr).toBe(0);
  const value: unknown = JSON.parse(run.stdout);
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

const idOf = (name: unknown): string => String(name).split('/').at(-1) ?? '';

describe('npm start', () => {
  it('is ready soon, and says so in its last line, after what runs where and what was made', () => {
    process.stdout.write(`ready after ${Math.round(platform.readyMs)} ms\n`);
    expect(platform.readyMs).toBeLessThan(READY_BOUND_MS);
    const lines = platform.output().trimEnd().split('\n');
    expect(lines.at(-1)).toBe('cert-tasks is ready');
    expect(platform.output()).toContain(`http://127.0.0.1:${ports['cert-public']}`);
    expect(platform.output()).toContain('projects/default/authorities/root');
    expect(platform.output().match(/^ +(?:try +)?bin\/cert-tasks .+$/gm)).toHaveLength(3);
  });

  it('makes a certificate for localhost, and keeps what is secret to its user', () => {
    for (const [file, mode] of [
      ['localhost/key.pem', 0o600],
      ['operator.token', 0o600],
      ['platform.json', 0o600],
      ['secrets.json', 0o600],
      ['key-encryption.key', 0o600],
    ] as const) {
      expect(existsSync(join(home, file)), file).toBe(true);
      expect(modeOf(join(home, file)).toString(8), file).toBe(mode.toString(8));
    }
    const [leaf, root] = ['chain.pem', 'root.pem'].map((file) => readFileSync(join(home, 'localhost', file), 'utf8'));
    const [certificate, issuer] = certificatesOf(leaf ?? '');
    if (certificate === undefined || issuer === undefined) throw new Error('The chain must have two certificates');
    expect(verifyCertificateSignature(certificate, issuer.spki)).toBe(true);
    const [anchor] = certificatesOf(root ?? '');
    expect(anchor === undefined ? false : verifyCertificateSignature(issuer, anchor.spki)).toBe(true);
  });

  it('refuses a second start on the same folder in one line, and goes on', async () => {
    const second = await failToStart({ ...env, CERT_TASKS_PORT_BASE: (await freePortBase()).base });
    expect(second.code).toBe(1);
    expect(second.stderr).toMatch(/^cert-tasks: .* is in use by process \d+\. .*\n$/);
    expect((await cli('list')).code).toBe(0);
  });
});

describe('bin/cert-tasks', () => {
  let certificate = '';

  it('issues, with the key in a file of its own', async () => {
    const issued = await cliJson('issue', 'www.example.test', '--out', out);
    expect(issued).toMatchObject({ state: 'CERTIFICATE_STATE_ISSUED', dnsNames: ['www.example.test'] });
    certificate = idOf(issued['name']);
    expect(modeOf(join(out, 'key.pem')).toString(8)).toBe('600');
    const [leaf] = certificatesOf(readFileSync(join(out, 'chain.pem'), 'utf8'));
    expect(Buffer.from(leaf?.der ?? []).toString('base64')).toBe(issued['certificateDer']);
  });

  it('issues for a request, once for a request id, and nothing in a dry run', async () => {
    writeFileSync(join(folder, 'request.pem'), makeRequest({ dnsNames: ['api.example.test'] }).csrPem);
    const before = await issuedCount();
    const order = ['issue', '--csr', 'request.pem', '--request-id', 'cli-test'];
    const dry = await cliJson(...order, '--dry-run');
    expect(dry['name'] ?? '').toBe('');
    expect(await issuedCount()).toBe(before);
    const first = await cliJson(...order);
    expect((await cliJson(...order))['name']).toBe(first['name']);
    expect(await issuedCount()).toBe(before + 1);
  });

  it('shows one, and lists them', async () => {
    const [got, pem, list, authorities] = await Promise.all([
      cliJson('get', certificate),
      cli('get', certificate, '--pem'),
      cli('list', '--filter', 'dns_name = "www.example.test"'),
      cli('authorities'),
    ]);
    expect(got).toMatchObject({ dnsNames: ['www.example.test'] });
    expect(certificatesOf(pem.stdout)).toHaveLength(3);
    expect(list.stdout.trimEnd().split('\n')).toHaveLength(2);
    expect(list.stdout).toContain(certificate);
    expect(authorities.stdout).toContain('projects/default/authorities/issuing');
  });

  it('renews', async () => {
    const renewed = await cliJson('renew', certificate);
    expect(idOf(renewed['renewedFrom'])).toBe(certificate);
    const again = await cli('renew', certificate);
    expect(again.code).toBe(1);
    expect(again.stderr).toMatch(/^cert-tasks: .+ \[ALREADY_RENEWED\]\n$/);
  });

  it('revokes, for one reason', async () => {
    const revoked = await cliJson('revoke', certificate, '--reason', 'superseded');
    expect(revoked).toMatchObject({ state: 'CERTIFICATE_STATE_REVOKED' });
    const other = await cli('revoke', certificate, '--reason', 'key-compromise');
    expect([other.code, other.stderr]).toEqual([1, expect.stringContaining('[ALREADY_REVOKED]')]);
  });

  it('has a task done', async () => {
    const issued = await cliJson('issue', 'task.example.test', '--out', join(folder, 'task'));
    const payload = JSON.stringify({ certificate: issued['name'] });
    const created = await cliJson('task', 'create', 'cert.renew', '--payload', payload);
    const id = idOf(created['name']);
    const done = await waitFor(
      async () => {
        await sleep(POLL_MS);
        const task = await cliJson('task', 'get', id);
        return task['state'] === 'TASK_STATE_COMPLETED' ? task : undefined;
      },
      { what: 'the task to be completed', timeoutMs: 20_000 },
    );
    expect(done['result']).toMatchObject({ certificate: expect.stringContaining('projects/default/certificates/') });
    const history = await cli('task', 'get', id, '--history');
    expect(history.stdout.match(/TASK_STATE_\w+/g)?.slice(1)).toEqual([
      'TASK_STATE_PENDING',
      'TASK_STATE_RUNNING',
      'TASK_STATE_COMPLETED',
    ]);
    const [list, schedules, cancel] = await Promise.all([
      cli('task', 'list', '--filter', 'type = "cert.renew"'),
      cli('task', 'schedules'),
      cli('task', 'cancel', id),
    ]);
    expect(list.stdout).toContain(id);
    expect(schedules.code).toBe(0);
    expect(cancel.stderr).toContain('[TASK_ENDED]');
  });

  it('proves an entry of the log offline, and finds a proof that was tampered with', async () => {
    const subject = `projects/default/certificates/${certificate}`;
    const filter = `type = "certificate.revoked" AND subject = "${subject}"`;
    const entry = await waitFor(
      async () => {
        await sleep(POLL_MS);
        const { stdout } = await cli('audit', 'list', '--filter', filter, '--json');
        return stdout === '' ? undefined : idOf(JSON.parse(stdout).name);
      },
      { what: 'the revocation to be in the log', timeoutMs: 20_000 },
    );
    expect((await cliJson('audit', 'get', entry))['index']).toBeDefined();
    const file = join(folder, 'entry.tlog-proof');
    await waitFor(async () => (await cli('audit', 'prove', entry, '--out', file)).code === 0, {
      what: 'a checkpoint over the entry',
      timeoutMs: 20_000,
    });
    const key = String((await cliJson('audit', 'checkpoint'))['verifierKey']);
    const verified = await cli('audit', 'verify', file, '--key', key);
    expect(verified.code, verified.stderr).toBe(0);
    expect(verified.stdout).toContain('"certificate.revoked"');
    expect(verified.stdout).toMatch(/verified: this is entry \d+ of the \d+ /);

    const proof = readFileSync(file, 'utf8');
    const [extra = ''] = /(?<=extra )\S+/.exec(proof) ?? [];
    const forgedExtra = Buffer.from(
      Buffer.from(extra, 'base64').toString().replace('certificate.revoked', 'certificate.created'),
    ).toString('base64');
    const forgeries: readonly [string, string][] = [
      ['another event', proof.replace(extra, forgedExtra)],
      ['another place', proof.replace(/^index (\d+)$/m, (_, index: string) => `index ${Number(index) - 1}`)],
      ['another size', proof.replace(/(?<=\n)(\d+)(?=\n)/, (size) => String(Number(size) + 1))],
      ['a part of it', proof.slice(0, -20)],
    ];
    await Promise.all(
      forgeries.map(async ([what, text], index) => {
        expect(text, what).not.toBe(proof);
        const forged = join(folder, `forged-${index}.tlog-proof`);
        writeFileSync(forged, text);
        const answer = await cli('audit', 'verify', forged, '--key', key);
        expect([answer.code, answer.stdout], what).toEqual([1, '']);
        expect(answer.stderr, what).toMatch(/^cert-tasks: .+ does not verify: .+\n$/);
      }),
    );
    const otherKey = await cli('audit', 'verify', file, '--key', otherVerifierKey(key));
    expect([otherKey.code, otherKey.stderr]).toEqual([1, expect.stringContaining('does not verify')]);
  });

  it('lists every failpoint', async () => {
    const { stdout } = await cli('failpoints');
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => line.split(' ')[0]),
    ).toEqual(Object.keys(FAILPOINTS));
  });

  it('mints tokens that give what was asked and no more', async () => {
    const viewer = (await cli('token', '--role', 'viewer', '--hours', '1')).stdout.trim();
    const [read, refused, long] = await Promise.all([
      cli('get', certificate, '--token', viewer),
      cli('revoke', certificate, '--token', viewer),
      cli('token', '--hours', '25'),
    ]);
    expect(read.code).toBe(0);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('[PERMISSION_DENIED]')]);
    expect(refused.stderr).not.toContain(viewer);
    expect(long.code).toBe(1);
  });

  it('says in one line what it cannot do', async () => {
    const refusals: readonly (readonly [readonly string[], RegExp])[] = [
      [['get', 'not-there'], /^cert-tasks: .+ \[(?:CERTIFICATE_NOT_FOUND|RESOURCE_NAME_MALFORMED)\]\n$/],
      [['issue'], /^cert-tasks: Give DNS names .+\n$/],
      [['issue', '--csr', 'nowhere.pem'], /^cert-tasks: nowhere\.pem is not there\.\n$/],
      [['list', '--filter', 'nonsense'], /^cert-tasks: .+\n$/],
      [['list', '--cert-url', 'http://127.0.0.1:1'], /^cert-tasks: .+\n$/],
      [['list', '--token', 'nonsense'], /^cert-tasks: .+\n$/],
      [['get', certificate, '--ca', 'nowhere.pem'], /^cert-tasks: .*nowhere\.pem.*\n$/],
      [['audit', 'verify', 'nowhere', '--key', 'x'], /^cert-tasks: .*nowhere.*\n$/],
      [['audit', 'verify', 'entry.tlog-proof', '--key', 'x'], /^cert-tasks: .+\n$/],
    ];
    await Promise.all(
      refusals.map(async ([args, line]) => {
        const run = await cli(...args);
        expect.soft(run.code, args.join(' ')).toBe(1);
        expect.soft(run.stderr, args.join(' ')).toMatch(line);
      }),
    );
  });

  it('checks the running platform', async () => {
    const clean = await waitFor(
      async () => {
        const run = await cli('fsck');
        return run.code === 0 ? run : undefined;
      },
      { what: 'fsck to find nothing', timeoutMs: 20_000 },
    );
    expect(clean.stdout).toBe('all invariants hold\n');
    expect((await cli('fsck', '--settle-seconds', 'x')).code).toBe(1);
  });
});

describe('the end', () => {
  it('comes to all of it by Ctrl-C, and the next start finds its data', async () => {
    const root = readFileSync(join(home, 'localhost/root.pem'), 'utf8');
    expect(platform.pids.length).toBeGreaterThan(12);
    expect(await platform.end('SIGINT')).toBe(0);
    await waitUntilGone(platform.pids);
    await checkPortsFree(ports);
    expect(existsSync(join(home, 'platform.json'))).toBe(false);
    const nobody = await cli('list');
    expect([nobody.code, nobody.stderr]).toEqual([1, expect.stringMatching(/^cert-tasks: No platform runs in .+\n$/)]);

    const stopped = await cli('fsck');
    expect(stopped.code, stopped.stdout + stopped.stderr).toBe(0);
    await checkPortsFree(ports);

    platform = await startPlatform(env);
    process.stdout.write(`ready again after ${Math.round(platform.readyMs)} ms\n`);
    expect(platform.readyMs).toBeLessThan(READY_BOUND_MS);
    expect(platform.output()).toContain('found');
    const issued = await cli('issue', 'again.example.test', '--out', join(folder, 'again'));
    expect(issued.code, issued.stderr).toBe(0);
    expect(readFileSync(join(folder, 'again/root.pem'), 'utf8')).toBe(root);
    expect((await cli('list')).stdout).toContain('www.example.test');
  }, 90_000);

  it('comes to all of it when it is killed, and fsck finds nothing afterwards', async () => {
    expect(await platform.end('SIGKILL')).toBeNull();
    await waitUntilGone(platform.pids);
    await checkPortsFree(ports);
    // Its description is left behind, of a platform that does not run.
    const stopped = await cli('fsck');
    expect(stopped.code, stopped.stdout + stopped.stderr).toBe(0);

    const sql = postgres({ port: ports.postgres, connect_timeout: 1, max: 1, onnotice: () => undefined });
    await expect(sql`select 1`).rejects.toThrow();
    await sql.end();
  }, 60_000);
});

async function issuedCount(): Promise<number> {
  const { stdout } = await cli('list', '--filter', 'dns_name = "api.example.test"');
  return stdout.trimEnd().split('\n').length - 1;
}

function certificatesOf(pem: string): readonly ReturnType<typeof parseCertificate>[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/g) ?? [];
  return blocks.map((block) => parseCertificate(decodePem(block, 'CERTIFICATE')));
}

/** Another key under the same name: the hash in it is of the other key, so that it is well formed (C2SP signed-note). */
function otherVerifierKey(key: string): string {
  const [name = ''] = key.split('+');
  const publicKey = Buffer.concat([
    Buffer.of(1),
    generateKeyPairSync('ed25519').publicKey.export({ format: 'der', type: 'spki' }).subarray(-32),
  ]);
  const hash = createHash('sha256').update(`${name}\n`).update(publicKey).digest('hex').slice(0, 8);
  return `${name}+${hash}+${publicKey.toString('base64')}`;
}

function modeOf(file: string): number {
  return statSync(file).mode & 0o777;
}
