import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readConfig as readAudit } from '../../services/audit/src/config.ts';
import { readConfig as readCert } from '../../services/cert/src/config.ts';
import { readConfig as readSigner } from '../../services/signer/src/config.ts';
import { readConfig as readTask } from '../../services/task-scheduler/src/config.ts';

type ReadConfig = (env: Readonly<Record<string, string | undefined>>) => unknown;

const SERVICES: readonly { readonly prefix: string; readonly read: ReadConfig }[] = [
  { prefix: 'CERT', read: readCert },
  { prefix: 'SIGNER', read: readSigner },
  { prefix: 'TASK', read: readTask },
  { prefix: 'AUDIT', read: readAudit },
];

const example = readFileSync(fileURLToPath(new URL('../../.env.example', import.meta.url)), 'utf8');
const listed = new Set([...example.matchAll(/^#?([A-Z][A-Z0-9_]*)=/gm)].map((match) => match[1] ?? ''));

/** The variables that a service asks its environment for. */
function asked(read: ReadConfig): ReadonlySet<string> {
  const names = new Set<string>();
  const env = new Proxy<Record<string, string | undefined>>(
    {},
    {
      get: (_target, name) => {
        names.add(String(name));
        return undefined;
      },
    },
  );
  expect(() => read(env)).toThrow(/is not set/);
  return names;
}

describe('.env.example', () => {
  it.each(SERVICES)('lists every setting of $prefix', ({ prefix, read }) => {
    const missing = [...asked(read)].filter((name) => {
      const suffix = name.slice(prefix.length + 1);
      const isCommon = SERVICES.every((other) => asked(other.read).has(`${other.prefix}_${suffix}`));
      const shown = isCommon ? `CERT_${suffix}` : name;
      // Any secret NAME can also come from the file that NAME_FILE names, which is said once.
      return !listed.has(shown) && !listed.has(shown.replace(/_FILE$/, ''));
    });
    expect(missing).toEqual([]);
  });

  it('lists no setting that nobody asks for', () => {
    const known = new Set(SERVICES.flatMap(({ read }) => [...asked(read)]));
    const services = [...listed].filter(
      (name) => /^(CERT|SIGNER|TASK|AUDIT)_/.test(name) && !name.startsWith('CERT_TASKS_'),
    );
    expect(services.filter((name) => !known.has(name))).toEqual([]);
  });
});
