import fc from 'fast-check';
import { expect, expectTypeOf, test } from 'vitest';
import { formatResourceName, parseResourceName, ResourceNameError } from './resource-name.ts';

const CERTIFICATE = 'projects/{project}/certificates/{certificate}';
const id = fc.stringMatching(/^[a-z0-9-]{1,63}$/);

test('takes a name apart, typed by its pattern', () => {
  const ids = parseResourceName('projects/acme/certificates/01-ab', CERTIFICATE);
  expectTypeOf(ids).toEqualTypeOf<Readonly<Record<'project' | 'certificate', string>> | undefined>();
  expect(ids).toEqual({ project: 'acme', certificate: '01-ab' });
});

test('takes apart what it put together', () => {
  fc.assert(
    fc.property(id, id, (project, certificate) => {
      const ids = { project, certificate };
      expect(parseResourceName(formatResourceName(CERTIFICATE, ids), CERTIFICATE)).toEqual(ids);
    }),
  );
});

test.each([
  '',
  'projects',
  'projects/acme',
  'projects/acme/certificates',
  'projects/acme/certificates/',
  'projects//certificates/x',
  'projects/acme/keys/x',
  'Projects/acme/certificates/x',
  'projects/Acme/certificates/x',
  'projects/acme/certificates/x/',
  '/projects/acme/certificates/x',
  'projects/acme/certificates/x/versions/1',
  'projects/a.b/certificates/x',
  'projects/acme/certificates/x\n',
  'projects/acme/certificates/é',
  `projects/${'a'.repeat(64)}/certificates/x`,
  'projects/{project}/certificates/{certificate}',
])('refuses the name %j', (name) => {
  expect(parseResourceName(name, CERTIFICATE)).toBeUndefined();
});

test('takes an id of 63 characters and a fixed word that is not lower case', () => {
  const longest = 'a'.repeat(63);
  expect(parseResourceName(`projects/${longest}`, 'projects/{project}')).toEqual({ project: longest });
  expect(parseResourceName('crlShards/7', 'crlShards/{crl_shard}')).toEqual({ crl_shard: '7' });
});

test.each(['', 'A', 'a/b', 'a'.repeat(64), 'a\n'])('does not make a name of the id %j', (project) => {
  const refusal = expect(() => formatResourceName('projects/{project}', { project }));
  refusal.toThrow(ResourceNameError);
  refusal.toThrow(expect.objectContaining({ code: 'invalid-resource-id', field: 'project' }));
});

test.each(['projects/{project', 'projects//{x}', '{x}/{x}', 'a{x}/b', '{x}{y}', '{}'])(
  'reports the malformed pattern %j',
  (pattern) => {
    expect(() => parseResourceName('projects/acme', pattern as '{x}')).toThrow(TypeError);
  },
);
