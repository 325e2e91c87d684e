import { expect, test } from 'vitest';
import { FAILPOINTS, isFailpointName } from './failpoints.ts';

const SERVICE_OF_AREA: Readonly<Record<string, string>> = {
  cert: 'cert',
  signer: 'signer',
  task: 'task-scheduler',
  audit: 'audit',
  relay: 'any',
};

test.each(Object.entries(FAILPOINTS))('%s is named after its area and step, and described', (name, point) => {
  expect(name).toMatch(/^[a-z]+\.[a-z]+\.(before|after)-[a-z]+$/);
  expect(point.service).toBe(SERVICE_OF_AREA[name.split('.')[0] ?? '']);
  expect(point.description).toMatch(/^[A-Z].{20,110}\.$/);
});

test('no two are described alike', () => {
  const descriptions = Object.values(FAILPOINTS).map(({ description }) => description);
  expect(new Set(descriptions).size).toBe(descriptions.length);
});

test('tells names from other text, names of object members too', () => {
  expect(isFailpointName('cert.issue.after-intent')).toBe(true);
  for (const text of ['', 'cert.issue', 'Cert.issue.after-intent', 'toString', '__proto__']) {
    expect(isFailpointName(text)).toBe(false);
  }
});
