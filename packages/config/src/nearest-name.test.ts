import { expect, test } from 'vitest';
import { nearestName } from './nearest-name.ts';

const NAMES = ['SIGNER_PORT', 'SIGNER_HOST', 'SIGNER_DATABASE_URL'];

test.each([
  ['SIGNER_PROT', 'SIGNER_PORT'],
  ['SIGNER_PORTS', 'SIGNER_PORT'],
  ['SIGNER_DATABSE_URL', 'SIGNER_DATABASE_URL'],
  ['SIGNER_DB_URL', undefined],
  ['SIGNER_LOG', undefined],
  ['X'.repeat(129), undefined],
])('%s is probably %s', (name, expected) => {
  expect(nearestName(name, NAMES)).toBe(expected);
});

test('takes the nearest, not the first that is near enough', () => {
  expect(nearestName('SIGNER_HOSTT', ['SIGNER_POST', 'SIGNER_HOST'])).toBe('SIGNER_HOST');
});
