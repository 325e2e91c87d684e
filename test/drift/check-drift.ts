import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { schemaDrift } from './schema-drift.ts';

const ROOT = resolve(fileURLToPath(new URL('../..', import.meta.url)));
const GENERATED = 'packages/contracts/src/gen';

/** Fails where what is committed is not what its sources make: generated contracts, and the schema dumps of the services. */
const problems = [...generatedDrift(), ...(await schemaDrift({ root: ROOT, write: process.argv.includes('--write') }))];
for (const problem of problems) process.stderr.write(`drift: ${problem}\n`);
if (problems.length === 0) process.stdout.write('drift: none\n');
process.exitCode = problems.length === 0 ? 0 : 1;

function generatedDrift(): string[] {
  const fresh = mkdtempSync(join(tmpdir(), 'cert-tasks-gen-'));
  try {
    const run = spawnSync('buf', ['generate', '--output', fresh], { cwd: ROOT, encoding: 'utf8' });
    if (run.status !== 0) return [`buf generate failed: ${run.stderr}`];
    const made = filesBelow(join(fresh, GENERATED));
    const kept = filesBelow(join(ROOT, GENERATED));
    const names = new Set([...made.keys(), ...kept.keys()]);
    return [...names]
      .filter((name) => made.get(name) !== kept.get(name))
      .map((name) => `${GENERATED}/${name} is not what proto makes; run npm run generate`);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

function filesBelow(directory: string): Map<string, string> {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(
    entries.map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return [relative(directory, path), readFileSync(path, 'utf8')];
    }),
  );
}
