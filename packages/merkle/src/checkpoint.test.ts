import { describe, expect, it } from 'vitest';
import { ARCHE, BEHIND_THE_SOFA } from '../test/published-notes.ts';
import { testSigner } from '../test/test-signer.ts';
import { type Checkpoint, formatCheckpoint, parseCheckpoint } from './checkpoint.ts';
import { cosignatureLine, cosignatureMessage } from './cosignature.ts';
import { type NoteVerifier, noteVerifier } from './note-verifier.ts';
import { cosignCheckpoint, type NoteSigner, signCheckpoint, verifyCheckpoint } from './signed-checkpoint.ts';
import { formatSignedNote, noteSignatureLine, parseSignedNote } from './signed-note.ts';

const code = (expected: string) => expect.objectContaining({ name: 'MerkleError', code: expected });
const ROOT = Uint8Array.from(Buffer.from('CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=', 'base64'));
const SOFA: Checkpoint = { origin: 'example.com/behind-the-sofa', size: 20_852_163n, root: ROOT };

const seed = (byte: number) => ({ seed: new Uint8Array(32).fill(byte) });
const LOG = testSigner('log.example/audit', seed(1));
const WITNESSES = [2, 3, 4].map((byte) => testSigner(`witness.example/w${byte}`, seed(byte)));
const logKey = ({ name, publicKey }: NoteSigner) => noteVerifier({ name, publicKey, type: 'ed25519' });
const witnessKey = ({ name, publicKey }: NoteSigner) => noteVerifier({ name, publicKey, type: 'cosignature/v1' });
const HEAD: Checkpoint = { origin: 'log.example/audit', size: 42n, root: ROOT };

async function cosigned(witnesses: readonly NoteSigner[], timestamp = 1_700_000_000n): Promise<string> {
  const lines = witnesses.map((witness) => cosignCheckpoint({ text: formatCheckpoint(HEAD), timestamp }, witness));
  return (await signCheckpoint(HEAD, LOG)) + (await Promise.all(lines)).join('');
}

describe('checkpoint bodies', () => {
  it('are byte for byte the example of tlog-checkpoint', () => {
    expect(formatCheckpoint(SOFA)).toBe(BEHIND_THE_SOFA.body);
    expect(parseCheckpoint(BEHIND_THE_SOFA.body)).toStrictEqual(SOFA);
  });

  it('carry extension lines, an empty tree and the largest one', () => {
    for (const checkpoint of [
      { ...SOFA, extensions: ['one', ' two '] },
      { ...SOFA, size: 0n },
      { ...SOFA, size: 2n ** 63n - 1n, origin: 'any origin + ünïcode' },
    ]) {
      expect(parseCheckpoint(formatCheckpoint(checkpoint))).toStrictEqual(checkpoint);
    }
    expect(formatCheckpoint({ ...SOFA, extensions: [] })).toBe(BEHIND_THE_SOFA.body);
  });

  it.each([
    ['nothing', ''],
    ['one line', 'o\n'],
    ['two lines', 'o\n1\n'],
    ['no newline at the end', BEHIND_THE_SOFA.body.slice(0, -1)],
    ['an empty origin', BEHIND_THE_SOFA.body.replace('example.com/behind-the-sofa', '')],
    ['an origin of 256 bytes', BEHIND_THE_SOFA.body.replace('example.com/behind-the-sofa', 'é'.repeat(128))],
    ['a leading zero', BEHIND_THE_SOFA.body.replace('20852163', '020852163')],
    ['a sign', BEHIND_THE_SOFA.body.replace('20852163', '+20852163')],
    ['a negative size', BEHIND_THE_SOFA.body.replace('20852163', '-1')],
    ['a hexadecimal size', BEHIND_THE_SOFA.body.replace('20852163', '0x1')],
    ['an empty size', BEHIND_THE_SOFA.body.replace('20852163', '')],
    ['other digits', BEHIND_THE_SOFA.body.replace('20852163', '٣')],
    ['a size of 2^63', BEHIND_THE_SOFA.body.replace('20852163', `${2n ** 63n}`)],
    ['an endless size', BEHIND_THE_SOFA.body.replace('20852163', '9'.repeat(1000))],
    ['a short root', BEHIND_THE_SOFA.body.replace('CsUYapGG', '')],
    ['a root without padding', BEHIND_THE_SOFA.body.replace('2I=', '2I')],
    ['stray bits in the root', BEHIND_THE_SOFA.body.replace('2I=', '2J=')],
    ['a space after the root', BEHIND_THE_SOFA.body.replace('2I=', '2I= ')],
    ['an empty extension', `${BEHIND_THE_SOFA.body}\n`],
    ['17 extensions', BEHIND_THE_SOFA.body + 'a\n'.repeat(17)],
    ['a carriage return', BEHIND_THE_SOFA.body.replaceAll('\n', '\r\n')],
    ['a lone surrogate', `${BEHIND_THE_SOFA.body}\ud800\n`],
  ])('with %s are refused', (_, text) => {
    expect(() => parseCheckpoint(text)).toThrowError(code('INVALID_CHECKPOINT'));
  });

  it.each([
    [{ origin: '' }, 'INVALID_CHECKPOINT'],
    [{ origin: `a\n1\n${Buffer.from(ROOT).toString('base64')}` }, 'INVALID_CHECKPOINT'],
    [{ origin: 'a\tb' }, 'INVALID_CHECKPOINT'],
    [{ extensions: [''] }, 'INVALID_CHECKPOINT'],
    [{ extensions: ['a\nb'] }, 'INVALID_CHECKPOINT'],
    [{ size: -1n }, 'INVALID_SIZE'],
    [{ size: 2n ** 63n }, 'INVALID_SIZE'],
    [{ root: new Uint8Array(31) }, 'INVALID_HASH'],
  ])('are not written of %o', (change, expected) => {
    expect(() => formatCheckpoint({ ...SOFA, ...change })).toThrowError(code(expected));
  });
});

describe('cosignatures', () => {
  it('sign the message that is the example of tlog-cosignature', () => {
    expect(
      new TextDecoder().decode(cosignatureMessage({ timestamp: 1_679_315_147n, text: BEHIND_THE_SOFA.body })),
    ).toBe(
      'cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n',
    );
    const [, line] = parseSignedNote(`${BEHIND_THE_SOFA.body}\n${BEHIND_THE_SOFA.lines.join('')}`).signatures;
    expect(line?.signature).toHaveLength(72);
    expect(Buffer.from(line?.signature ?? []).readBigUInt64BE()).toBe(1_679_315_147n);
  });

  it('carry the time before the signature', () => {
    const of = { name: 'w', publicKey: new Uint8Array(32), signature: new Uint8Array(64).fill(9) };
    const blob = Buffer.from(cosignatureLine({ ...of, timestamp: 258n }).split(' ')[2] ?? '', 'base64');
    expect(blob.subarray(4).toString('hex')).toBe(`0000000000000102${'09'.repeat(64)}`);
    for (const timestamp of [-1n, 2n ** 63n]) {
      expect(() => cosignatureLine({ ...of, timestamp })).toThrowError(code('INVALID_NOTE'));
      expect(() => cosignatureMessage({ timestamp, text: 'a\n' })).toThrowError(code('INVALID_NOTE'));
    }
    expect(() => cosignatureLine({ ...of, timestamp: 1n, signature: new Uint8Array(72) })).toThrowError(
      code('INVALID_NOTE'),
    );
    expect(() => cosignatureMessage({ timestamp: 1n, text: 'a' })).toThrowError(code('INVALID_NOTE'));
  });
});

describe('a checkpoint of the public witness network', () => {
  const policy = {
    origin: ARCHE.origin,
    logKeys: [noteVerifier(ARCHE.log)],
    witnessKeys: ARCHE.witnesses.map((vkey) => noteVerifier(vkey)),
  };

  it('verifies with its log and four witnesses', () => {
    const { checkpoint, logSignatures, witnessSignatures } = verifyCheckpoint(ARCHE.note, policy);
    expect(checkpoint.size).toBe(1_432_088_532n);
    expect(logSignatures.map(({ verifier }) => verifier.name)).toStrictEqual([ARCHE.origin]);
    expect(witnessSignatures.map(({ timestamp }) => timestamp)).toStrictEqual(Array(4).fill(ARCHE.timestamp));
  });

  it('does not with another size, and not under a time that was changed', () => {
    expect(() => verifyCheckpoint(ARCHE.note.replace('1432088532', '1432088533'), policy)).toThrowError(
      code('BAD_SIGNATURE'),
    );
    const later = ARCHE.note.replace('2net5wAAAABqEiEg', '2net5wAAAABqEiEh');
    expect(() => verifyCheckpoint(later, policy)).toThrowError(code('BAD_SIGNATURE'));
    const never = ARCHE.note.replace('2net5wAAAABqEiEg', '2net5/8AAABqEiEg');
    expect(() => verifyCheckpoint(never, policy)).toThrowError(code('BAD_SIGNATURE'));
  });
});

describe('signing and verifying checkpoints', () => {
  const policy = { origin: HEAD.origin, logKeys: [logKey(LOG)], witnessKeys: WITNESSES.map(witnessKey), quorum: 2 };

  it('holds with the log and a quorum of witnesses', async () => {
    const note = await cosigned(WITNESSES.slice(1));
    const verified = verifyCheckpoint(Buffer.from(note), policy);
    expect(verified.checkpoint).toStrictEqual(HEAD);
    expect(verified.witnessSignatures.map(({ verifier, timestamp }) => [verifier.name, timestamp])).toStrictEqual([
      ['witness.example/w3', 1_700_000_000n],
      ['witness.example/w4', 1_700_000_000n],
    ]);
  });

  it('holds without witnesses where none are asked for', async () => {
    const { origin, logKeys } = policy;
    expect(verifyCheckpoint(await signCheckpoint(HEAD, LOG), { origin, logKeys }).witnessSignatures).toStrictEqual([]);
    expect(verifyCheckpoint(await signCheckpoint(HEAD, LOG), { ...policy, quorum: 0 }).checkpoint.size).toBe(42n);
  });

  it('asks for all witnesses if no quorum is named', async () => {
    const { quorum: _, ...all } = policy;
    expect(verifyCheckpoint(await cosigned(WITNESSES), all).witnessSignatures).toHaveLength(3);
    const two = await cosigned(WITNESSES.slice(1));
    expect(() => verifyCheckpoint(two, all)).toThrowError(code('UNTRUSTED'));
  });

  it('does not hold with fewer, strange or repeated witnesses', async () => {
    const [first] = WITNESSES;
    const stranger = testSigner('witness.example/w9', seed(9));
    if (first === undefined) throw new Error('no witness');
    for (const witnesses of [[first], [first, stranger], [first, first]]) {
      const note = await cosigned(witnesses);
      expect(() => verifyCheckpoint(note, policy)).toThrowError(code('UNTRUSTED'));
    }
  });

  it('does not hold without the log, however many witnesses there are', async () => {
    const lines = (await cosigned(WITNESSES)).split('\n');
    const orphan = lines.toSpliced(4, 1).join('\n');
    expect(() => verifyCheckpoint(orphan, policy)).toThrowError(code('UNTRUSTED'));
  });

  it('does not hold for another log, though its key be trusted', async () => {
    const note = await signCheckpoint({ ...HEAD, origin: 'log.example/other' }, LOG);
    expect(() => verifyCheckpoint(note, { ...policy, quorum: 0 })).toThrowError(code('ORIGIN_MISMATCH'));
  });

  it('does not take a log signature for a cosignature, nor the other way round', async () => {
    const [witness] = WITNESSES;
    if (witness === undefined) throw new Error('no witness');
    const asLog: NoteVerifier = logKey(witness);
    const note = await cosigned(WITNESSES);
    expect(() => verifyCheckpoint(note, { origin: HEAD.origin, logKeys: [asLog] })).toThrowError(code('UNTRUSTED'));
  });

  it('refuses a signed text that is no checkpoint', async () => {
    const text = 'a\nb\nc\n';
    const signature = await LOG.sign(Buffer.from(text));
    const note = formatSignedNote({ text, lines: [noteSignatureLine({ ...LOG, signature })] });
    expect(() => verifyCheckpoint(note, { ...policy, quorum: 0 })).toThrowError(code('INVALID_CHECKPOINT'));
  });

  it.each([
    ['a quorum that cannot be reached', { quorum: 4 }],
    ['a negative quorum', { quorum: -1 }],
    ['half a quorum', { quorum: 1.5 }],
    ['a witness under two names', { witnessKeys: [...policy.witnessKeys, witnessKey(testSigner('alias', seed(2)))] }],
    ['the log as its own witness', { witnessKeys: [witnessKey(testSigner('alias', seed(1)))], quorum: 1 }],
  ])('refuses a policy with %s', async (_, change) => {
    const note = await cosigned(WITNESSES);
    expect(() => verifyCheckpoint(note, { ...policy, ...change })).toThrowError(code('INVALID_KEY'));
  });

  it('gives out no signature that does not verify', async () => {
    const other = { ...LOG, publicKey: WITNESSES[0]?.publicKey ?? new Uint8Array(32) };
    await expect(signCheckpoint(HEAD, other)).rejects.toThrowError(code('BAD_SIGNATURE'));
    const cosign = cosignCheckpoint({ text: formatCheckpoint(HEAD), timestamp: 1n }, other);
    await expect(cosign).rejects.toThrowError(code('BAD_SIGNATURE'));
    const short = { ...LOG, sign: () => new Uint8Array(3) };
    await expect(signCheckpoint(HEAD, short)).rejects.toThrowError(code('BAD_SIGNATURE'));
    const away = new Error('signer is away');
    await expect(signCheckpoint(HEAD, { ...LOG, sign: () => Promise.reject(away) })).rejects.toBe(away);
  });

  it('cosigns nothing but a checkpoint', async () => {
    await expect(cosignCheckpoint({ text: 'hello\n', timestamp: 1n }, LOG)).rejects.toThrowError(
      code('INVALID_CHECKPOINT'),
    );
  });
});
