import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Secret } from '@cert-tasks/config';
import { bytesToHex } from '@cert-tasks/kernel';
import { afterAll, describe, expect, test } from 'vitest';
import { EnvironmentKeySource } from './environment-key-source.ts';
import { FileKeySource } from './file-key-source.ts';
import type { KeyEncryptionKeySource } from './key-encryption-key-source.ts';

const KEK = Uint8Array.from({ length: 32 }, (_, i) => i * 7);
const HEX = bytesToHex(KEK);
const BASE64 = Buffer.from(KEK).toString('base64');

const folder = mkdtempSync(join(tmpdir(), 'signer-kek-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function read(source: KeyEncryptionKeySource): Promise<string> {
  return (await source.read()).expose(bytesToHex);
}

async function messageOf(source: KeyEncryptionKeySource): Promise<string> {
  const error = await source.read().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toMatchObject({ code: 'key-encryption-key-invalid' });
  return String(error);
}

function file(text: string | Uint8Array, mode = 0o600): FileKeySource {
  const path = join(folder, `kek-${Math.random()}`);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return new FileKeySource(path);
}

describe('EnvironmentKeySource', () => {
  test.each([HEX, HEX.toUpperCase(), BASE64])('reads %s', async (text) => {
    expect(await read(new EnvironmentKeySource(new Secret(text)))).toBe(HEX);
  });

  test.each(['', HEX.slice(2), `${HEX}00`, BASE64.slice(0, -1), BASE64.replace(/.=$/, 'B='), 'not a key at all'])(
    'refuses %j without repeating it',
    async (text) => {
      const message = await messageOf(new EnvironmentKeySource(new Secret(text)));
      expect(message).toContain('SIGNER_KEK');
      if (text !== '') expect(message).not.toContain(text);
    },
  );
});

describe('FileKeySource', () => {
  test.each([HEX, BASE64, `${BASE64}\n`, `${HEX}\r\n`])('reads %j', async (text) => {
    expect(await read(file(text))).toBe(HEX);
  });

  test.each([0o640, 0o604, 0o644, 0o620, 0o601])('refuses a file of mode %o', async (mode) => {
    expect(await messageOf(file(BASE64, mode))).toContain('chmod 600');
  });

  test('takes a file that its owner can only read', async () => {
    expect(await read(file(BASE64, 0o400))).toBe(HEX);
  });

  test('refuses what is no regular file, what is too long and what is not there, without its path', async () => {
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', ['-m', '600', pipe]);
    for (const source of [new FileKeySource(folder), new FileKeySource(pipe), file('0'.repeat(257))]) {
      expect(await messageOf(source)).not.toContain(folder);
    }
    expect(await messageOf(new FileKeySource(join(folder, 'absent')))).toMatch(/ENOENT/);
    expect(await messageOf(new FileKeySource(BASE64))).not.toContain(BASE64);
  });

  test('refuses another content without repeating it', async () => {
    expect(await messageOf(file('some other text'))).not.toContain('some other text');
  });
});
