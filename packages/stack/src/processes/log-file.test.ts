import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LogFile } from './log-file.ts';

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cert-tasks-log-'));
  path = join(directory, 'x.log');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test('opening keeps three older files', () => {
  for (const word of ['a', 'b', 'c', 'd', 'e']) {
    const log = new LogFile({ path });
    writeSync(log.descriptor, word);
    log.close();
  }
  expect(readdirSync(directory).sort()).toEqual(['x.log', 'x.log.1', 'x.log.2', 'x.log.3']);
  expect(['x.log', 'x.log.1', 'x.log.2', 'x.log.3'].map((name) => readFileSync(join(directory, name), 'utf8'))).toEqual(
    ['e', 'd', 'c', 'b'],
  );
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test('a file above its bound is moved away and the writer goes on at the start', () => {
  const log = new LogFile({ path, maxBytes: 4 });
  writeSync(log.descriptor, '1234');
  log.rotateWhenLarge();
  expect(readFileSync(path, 'utf8')).toBe('1234');
  writeSync(log.descriptor, '5');
  log.rotateWhenLarge();
  writeSync(log.descriptor, 'next');
  expect(readFileSync(`${path}.1`, 'utf8')).toBe('12345');
  expect(readFileSync(path, 'utf8')).toBe('next');
  log.close();
});

test('the last lines come without empty ones, also from a long file and after closing', () => {
  const log = new LogFile({ path });
  writeSync(log.descriptor, `${'x'.repeat(20_000)}\none\n\n  \ntwo\nthree\n`);
  expect(log.lastLines(2)).toEqual(['two', 'three']);
  log.close();
  log.close();
  expect(log.lastLines(2)).toEqual([]);
});
