import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const PROGRAM = fileURLToPath(new URL('./processes/dying-process.ts', import.meta.url));

function run(env: Record<string, string>) {
  const base = Object.entries(process.env).filter(([name]) => name !== 'NODE_ENV' && name !== 'CERT_TASKS_FAILPOINT');
  const { signal, status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM], {
    env: { ...Object.fromEntries(base), ...env },
    encoding: 'utf8',
    timeout: 20_000,
  });
  return { signal, status, stdout, stderr };
}

test('a process with an armed failpoint dies there by SIGKILL: no further step, no exit handler', () => {
  expect(run({ CERT_TASKS_FAILPOINT: 'cert.issue.after-intent' })).toMatchObject({
    signal: 'SIGKILL',
    stdout: 'one step;',
  });
  expect(run({ CERT_TASKS_FAILPOINT: 'cert.issue.before-intent' })).toMatchObject({ signal: 'SIGKILL', stdout: '' });
});

test('a process without one, or with another, lives on', () => {
  for (const env of [{}, { CERT_TASKS_FAILPOINT: '' }, { CERT_TASKS_FAILPOINT: 'cert.revoke.after-commit' }]) {
    expect(run(env)).toMatchObject({ status: 0, stdout: 'one step;next step;exit handler;' });
  }
});

test('in production the process refuses to go on', () => {
  const { status, stdout, stderr } = run({ CERT_TASKS_FAILPOINT: 'cert.issue.after-intent', NODE_ENV: 'production' });
  expect({ status, stdout }).toEqual({ status: 1, stdout: 'exit handler;' });
  expect(stderr).toContain('unset the variable');
});
