import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Home, homePath, writeFileAtomic } from './home.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cert-tasks-home-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe('homePath', () => {
  test('is .cert-tasks in the repository unless CERT_TASKS_HOME names another', () => {
    expect(homePath({})).toMatch(/\/\.cert-tasks$/);
    expect(homePath({ CERT_TASKS_HOME: '' })).toBe(homePath({}));
    expect(homePath({ CERT_TASKS_HOME: '/some/where/' })).toBe('/some/where');
    expect(homePath({ CERT_TASKS_HOME: 'here' })).toBe(join(process.cwd(), 'here'));
  });
});

describe('Home', () => {
  test('is held by one at a time', async () => {
    const path = join(directory, 'a/b');
    const home = await Home.open(path);
    await expect(Home.open(path)).rejects.toMatchObject({
      code: 'home-in-use',
      message: `${path} is in use by process ${process.pid}. Stop that one, or set CERT_TASKS_HOME to another folder.`,
    });
    home.close();
    home.close();
    (await Home.open(path)).close();
  });

  test('keeps secrets for the next start, readable by nobody else', async () => {
    const home = await Home.open(directory);
    const secret = await home.secret('one');
    expect(secret).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(await home.secret('one')).toBe(secret);
    expect(await home.secret('two')).not.toBe(secret);
    home.close();
    expect(statSync(join(directory, 'secrets.json')).mode & 0o777).toBe(0o600);
    const again = await Home.open(directory);
    expect(await again.secret('one')).toBe(secret);
    again.close();
  });

  test('is closed to others, and so is a secrets file that was opened to them', async () => {
    (await Home.open(directory)).close();
    expect(statSync(directory).mode & 0o066).toBe(0);
    writeFileSync(join(directory, 'secrets.json'), '{"one":"x"}');
    chmodSync(join(directory, 'secrets.json'), 0o644);
    (await Home.open(directory)).close();
    expect(statSync(join(directory, 'secrets.json')).mode & 0o777).toBe(0o600);
  });

  test.each(['', '{', '[]', 'null', '{"one":1}', '{"one":""}'])(
    'refuses damaged secrets rather than making new ones: %j',
    async (text) => {
      writeFileSync(join(directory, 'secrets.json'), text);
      await expect(Home.open(directory)).rejects.toMatchObject({ code: 'home-unusable' });
      writeFileSync(join(directory, 'secrets.json'), '{}');
      (await Home.open(directory)).close();
    },
  );

  test('says so when the folder cannot be made', async () => {
    writeFileSync(join(directory, 'file'), '');
    await expect(Home.open(join(directory, 'file/home'))).rejects.toMatchObject({ code: 'home-unusable' });
  });
});

describe('writeFileAtomic', () => {
  test('replaces the content and the mode, and leaves nothing else', async () => {
    const path = join(directory, 'file');
    await writeFileAtomic({ path, content: 'old', mode: 0o666 });
    expect(statSync(path).mode & 0o777).toBe(0o666);
    await writeFileAtomic({ path, content: new TextEncoder().encode('new'), mode: 0o600 });
    expect(readFileSync(path, 'utf8')).toBe('new');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    await expect(writeFileAtomic({ path: join(directory, 'none/file'), content: '', mode: 0o600 })).rejects.toThrow(
      'ENOENT',
    );
    expect(readdirSync(directory)).toEqual(['file']);
  });
});
