import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decodePem, parseCertificate, verifyCertificateSignature } from '@cert-tasks/x509';
import { afterAll, describe, expect, it } from 'vitest';

const DEMO = resolve(fileURLToPath(new URL('../../packages/cli/src/demo/demo.ts', import.meta.url)));
const out = mkdtempSync(join(tmpdir(), 'cert-tasks-demo-out-'));

afterAll(() => rmSync(out, { recursive: true, force: true }));

describe('the demo', () => {
  it('tells the whole life and leaves its evidence', async () => {
    const { code, output } = await run(['--out', out]);
    expect(output).toContain('fsck: every invariant holds');
    expect(code, output).toBe(0);
    expect(readdirSync(out).toSorted()).toEqual([
      'audit-events.json',
      'chain.pem',
      'checkpoint.txt',
      'crl.pem',
      'leaf.pem',
      'renewed.pem',
      'root.pem',
    ]);
    const certificate = (name: string) =>
      parseCertificate(decodePem(readFileSync(join(out, name), 'utf8'), 'CERTIFICATE'));
    expect(verifyCertificateSignature(certificate('leaf.pem'), certificate('chain.pem').spki)).toBe(true);
    expect(verifyCertificateSignature(certificate('chain.pem'), certificate('root.pem').spki)).toBe(true);
    const events: { event: { type: string } }[] = JSON.parse(readFileSync(join(out, 'audit-events.json'), 'utf8'));
    expect(events.map(({ event }) => event.type)).toContain('certificate.revoked');
  }, 120_000);

  it('ends as well without NATS', async () => {
    const { code, output } = await run(['--no-nats']);
    expect(code, output).toBe(0);
  }, 120_000);
});

function run(args: readonly string[]): Promise<{ code: number | null; output: string }> {
  return new Promise((resolveRun, reject) => {
    const child = spawn(process.execPath, [DEMO, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) => resolveRun({ code, output }));
  });
}
