import { describe, expect, it } from 'vitest';
import { below, root, rulesOf } from '../test/path-question.ts';
import { newIntermediate, newLeaf, newRoot, type TestCertificateInput } from '../test/test-authority.ts';
import { subjectAltNameExtension } from './alternative-name.ts';
import type { Extension } from './extension.ts';
import type { GeneralName } from './general-name.ts';
import { buildName } from './name.ts';
import { type NameConstraint, nameConstraintsExtension } from './name-constraints.ts';
import { fromHex } from './octets.ts';
import { OID } from './oid.ts';

describe('name constraints', () => {
  const constrained = (
    constraints: { permitted?: NameConstraint[]; excluded?: NameConstraint[] },
    input: TestCertificateInput,
  ): string =>
    below(
      { extensions: [nameConstraintsExtension({ permitted: [], excluded: [], ...constraints })] },
      { subject: [{ type: 'O', value: 'Example' }], ...input },
    );
  const dns = (value: string): NameConstraint & GeneralName => ({ kind: 'dns', value });
  const uri = (value: string): NameConstraint & GeneralName => ({ kind: 'uri', value });
  const email = (value: string): NameConstraint & GeneralName => ({ kind: 'email', value });
  const ip = (value: string): NameConstraint & GeneralName => ({ kind: 'ip', value });
  const bad = 'name-constraints';

  it.each<[string, NameConstraint[], GeneralName[], string]>([
    ['the host itself', [dns('example.com')], [dns('example.com')], 'ok'],
    ['a host below', [dns('example.com')], [dns('a.b.Example.COM')], 'ok'],
    ['a host that only ends alike', [dns('example.com')], [dns('badexample.com')], bad],
    ['one of two hosts', [dns('example.com')], [dns('example.com'), dns('example.net')], bad],
    ['either subtree', [dns('example.com'), dns('example.net')], [dns('a.example.com'), dns('a.example.net')], 'ok'],
    ['a wildcard within', [dns('example.com')], [dns('*.example.com')], 'ok'],
    ['a wildcard wider than it', [dns('a.example.com')], [dns('*.example.com')], bad],
    ['another kind of name', [dns('example.com')], [ip('192.0.2.1')], 'ok'],
    ['any name', [dns('')], [dns('example.com')], 'ok'],
    ['below only, with the host', [dns('.example.com')], [dns('example.com')], bad],
    ['an address within', [ip('192.0.2.0/24')], [ip('192.0.2.255')], 'ok'],
    ['an address beside', [ip('192.0.2.0/24')], [ip('192.0.3.0')], bad],
    ['an address of the other family', [ip('192.0.2.0/24')], [ip('::1')], bad],
    ['a mapped address', [ip('192.0.2.0/24')], [ip('::ffff:192.0.2.1')], bad],
    ['a mailbox at the host', [email('example.com')], [email('a@example.com')], 'ok'],
    ['a mailbox at a host below', [email('example.com')], [email('a@b.example.com')], bad],
    ['a mailbox below a domain', [email('.example.com')], [email('a@b.example.com')], 'ok'],
    ['the very mailbox', [email('a@example.com')], [email('a@EXAMPLE.com')], 'ok'],
    ['a mailbox in another case', [email('a@example.com')], [email('A@example.com')], bad],
    ['a URI at the host', [uri('example.com')], [uri('https://u@example.com:8443/x')], 'ok'],
    ['a URI at a host below', [uri('example.com')], [uri('spiffe://a.example.com/x')], bad],
    ['a URI below a domain', [uri('.example.com')], [uri('spiffe://a.example.com/x')], 'ok'],
    ['a URI without a host', [uri('example.com')], [uri('urn:a:b')], bad],
    ['a URI at an address', [uri('example.com')], [uri('https://192.0.2.1/')], bad],
    ['a URI that hides its host', [uri('example.com')], [uri('https://example.com@evil.example/')], bad],
  ])('permit: %s', (_name, permitted, names, expected) => {
    expect(constrained({ permitted }, { names })).toBe(expected);
  });

  it.each<[string, NameConstraint[], GeneralName[], string]>([
    ['the host itself', [dns('example.com')], [dns('example.com')], bad],
    ['a host below', [dns('example.com')], [dns('a.example.com')], bad],
    ['a host beside', [dns('example.com')], [dns('example.net')], 'ok'],
    ['a wildcard that may stand for it', [dns('bar.example.com')], [dns('*.example.com')], bad],
    ['a wildcard that may not', [dns('a.bar.example.com')], [dns('*.example.com')], 'ok'],
    ['one of two', [dns('example.com')], [dns('example.net'), dns('a.example.com')], bad],
    ['an address', [ip('0.0.0.0/0')], [ip('192.0.2.1')], bad],
    ['an address of the other family', [ip('0.0.0.0/0')], [ip('::1')], 'ok'],
    ['a mailbox', [email('.example.com')], [email('a@b.example.com')], bad],
    ['a URI', [uri('.example.com')], [uri('https://b.example.com/')], bad],
  ])('exclude: %s', (_name, excluded, names, expected) => {
    expect(constrained({ excluded }, { names })).toBe(expected);
  });

  it('let exclusion win', () => {
    expect(
      constrained(
        { permitted: [dns('example.com')], excluded: [dns('secret.example.com')] },
        { names: [dns('a.secret.example.com')] },
      ),
    ).toBe(bad);
  });

  it('apply to the subject', () => {
    const permitted: NameConstraint[] = [{ kind: 'directoryName', name: buildName([{ type: 'O', value: 'Example' }]) }];
    expect(constrained({ permitted }, {})).toBe('ok');
    expect(
      constrained(
        { permitted },
        {
          subject: [
            { type: 'O', value: 'EXAMPLE' },
            { type: 'CN', value: 'a' },
          ],
        },
      ),
    ).toBe('ok');
    expect(constrained({ permitted }, { subject: [{ type: 'O', value: 'Other' }] })).toBe(bad);
    expect(constrained({ permitted }, { subject: [] })).toBe('ok');
    expect(
      constrained(
        { permitted },
        { names: [{ kind: 'directoryName', name: buildName([{ type: 'O', value: 'Other' }]) }] },
      ),
    ).toBe(bad);
  });

  it('apply to mailboxes in the subject', () => {
    expect(
      constrained(
        { excluded: [email('example.com')] },
        { subject: [{ type: 'emailAddress', value: 'a@example.com' }], names: [] },
      ),
    ).toBe(bad);
    expect(
      constrained(
        { permitted: [email('example.com')] },
        { subject: [{ type: 'emailAddress', value: 'a@example.net' }], names: [] },
      ),
    ).toBe(bad);
  });

  it('refuse names that they cannot understand', () => {
    const otherName: GeneralName = { kind: 'otherName', typeId: OID.smtpUtf8Mailbox, value: fromHex('0c056140622e63') };
    expect(constrained({ permitted: [email('example.com')] }, { names: [otherName] })).toBe(bad);
    expect(constrained({ permitted: [dns('example.com')] }, { names: [otherName] })).toBe('ok');
    const registered: Extension = {
      oid: OID.nameConstraints,
      critical: true,
      value: fromHex('3008a0063004880 22a03'.replaceAll(' ', '')),
    };
    expect(below({ extensions: [registered] }, { names: [{ kind: 'registeredId', oid: '1.2.3' }] })).toBe(bad);
    expect(below({ extensions: [registered] })).toBe('ok');
  });

  it('of anchors and of every CA apply together', () => {
    const anchor = newRoot({
      extensions: [nameConstraintsExtension({ permitted: [dns('example.com')], excluded: [] })],
    });
    const middle = newIntermediate(anchor, {
      extensions: [nameConstraintsExtension({ permitted: [dns('example.net'), dns('a.example.com')], excluded: [] })],
    });
    const run = (name: string): string =>
      rulesOf({
        leaf: newLeaf(middle, { names: [dns(name)] }),
        intermediates: [middle.certificate],
        trustAnchors: [anchor.certificate],
        peerName: { kind: 'dns', value: name },
      });
    expect(run('x.a.example.com')).toBe('ok');
    expect(run('x.example.com')).toBe(bad);
    expect(run('x.example.net')).toBe(bad);
  });

  it('apply to a self-issued leaf, and not to a self-issued intermediate', () => {
    const constraints = { extensions: [nameConstraintsExtension({ permitted: [dns('example.com')], excluded: [] })] };
    const names: GeneralName[] = [dns('example.net')];
    expect(below(constraints, { subject: [{ type: 'CN', value: 'intermediate' }], names })).toBe(bad);
    const first = newIntermediate(root, constraints);
    const rolled = newIntermediate(first, { extensions: [subjectAltNameExtension({ names, critical: false })] });
    const intermediates = [first.certificate, rolled.certificate];
    expect(rulesOf({ leaf: newLeaf(rolled), intermediates })).toBe('ok');
  });

  it('must be in a CA', () => {
    const inLeaf = [nameConstraintsExtension({ permitted: [dns('example.com')], excluded: [] })];
    expect(below({}, { extensions: inLeaf })).toBe('name-constraints-place');
  });
});
