import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { migrationStatements, readMigrations } from './migration-folder.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'migrations-'));
  await mkdir(join(folder, 'meta'));
});
afterEach(() => rm(folder, { recursive: true }));

const journal = (entries: unknown): Promise<void> =>
  writeFile(join(folder, 'meta/_journal.json'), JSON.stringify({ version: '7', dialect: 'postgresql', entries }));

describe('readMigrations', () => {
  it('reads the files in the order of the journal', async () => {
    await journal([
      { idx: 0, tag: '0000_b' },
      { idx: 1, tag: '0001_a' },
    ]);
    await writeFile(join(folder, '0000_b.sql'), 'select 1');
    await writeFile(join(folder, '0001_a.sql'), 'select 2');
    const migrations = await readMigrations(folder);
    expect(migrations.map(({ tag }) => tag)).toEqual(['0000_b', '0001_a']);
    expect(migrations[0]?.hash).toBe(createHash('sha256').update('select 1').digest('hex'));
  });

  it.each([
    ['no list', 'x'],
    ['a path as tag', [{ tag: '../x' }]],
    ['no tag', [{ idx: 0 }]],
    ['a tag twice', [{ tag: 'a' }, { tag: 'a' }]],
    ['a file that is missing', [{ tag: '0000_missing' }]],
  ])('refuses %s', async (_what, entries) => {
    await journal(entries);
    await writeFile(join(folder, 'a.sql'), '');
    await expect(readMigrations(folder)).rejects.toMatchObject({ code: 'invalid-migrations' });
  });

  it('refuses a folder without a journal', async () => {
    await expect(readMigrations(folder)).rejects.toMatchObject({ code: 'invalid-migrations' });
  });
});

describe('migrationStatements', () => {
  const statements = (text: string) => migrationStatements({ tag: 't', hash: '', text }, { appRole: 'x"app' });

  it('splits at breakpoints and leaves empty parts out', () => {
    expect(statements('a;\n--> statement-breakpoint\n\n--> statement-breakpoint\nb;')).toEqual(['a;', 'b;']);
  });

  it('puts the quoted role in', () => {
    expect(statements('grant select on t to {{app_role}};')).toEqual(['grant select on t to "x""app";']);
  });

  it('refuses other placeholders', () => {
    expect(() => statements('grant select on t to {{ap_role}};')).toThrow(/ap_role/);
  });
});
