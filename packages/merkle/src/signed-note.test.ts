import { describe, expect, it } from 'vitest';
import { ARCHE, BEHIND_THE_SOFA, FOO, GO, QUASIMODO } from '../test/published-notes.ts';
import { testSigner } from '../test/test-signer.ts';
import { isEd25519Signature, type NoteVerifier, noteVerifier, verifySignedNote } from './note-verifier.ts';
import { formatSignedNote, noteSignatureLine, parseSignedNote } from './signed-note.ts';

const code = (expected: string) => expect.objectContaining({ name: 'MerkleError', code: expected });
const PETER = noteVerifier(GO.peter.vkey);
const ENOCH = noteVerifier(GO.enoch.vkey);
const NOTE = `${GO.text}\n${GO.peter.line}${GO.enoch.line}`;
const names = (verified: { readonly signatures: readonly { readonly verifier: NoteVerifier }[] }) =>
  verified.signatures.map(({ verifier }) => verifier.name);

describe('published notes', () => {
  it('verify: the example of signed-note', () => {
    expect(verifySignedNote(FOO.note, [noteVerifier(FOO.vkey)]).text).toBe('This is an example message.\n');
  });

  it('verify: the notes of golang.org/x/mod/sumdb/note', () => {
    expect(names(verifySignedNote(NOTE, [PETER]))).toStrictEqual(['PeterNeumann']);
    expect(names(verifySignedNote(NOTE, [ENOCH, PETER]))).toStrictEqual(['PeterNeumann', 'EnochRoot']);
    expect(verifySignedNote(Buffer.from(NOTE), [PETER]).text).toBe(GO.text);
  });

  it('are made again byte for byte from the published private key', async () => {
    const seed = Buffer.from(GO.peter.seed, 'base64').subarray(1);
    const { name, publicKey, sign } = testSigner(GO.peter.name, { seed });
    const signature = await sign(Buffer.from(GO.text));
    expect(formatSignedNote({ text: GO.text, lines: [noteSignatureLine({ name, publicKey, signature })] })).toBe(
      `${GO.text}\n${GO.peter.line}`,
    );
  });

  it('are taken apart at their last blank line', () => {
    const { text, signatures } = parseSignedNote(QUASIMODO);
    expect(text).toMatch(/^Ognuno [\s\S]+ sole:\n\ned è subito sera\.\n$/);
    expect(signatures.map(({ name, keyId }) => [name, keyId])).toStrictEqual([
      ['quasimodo.example/salvatore', 0x367ba04b],
    ]);
    expect(signatures[0]?.signature).toHaveLength(64);
    const sofa = parseSignedNote(`${BEHIND_THE_SOFA.body}\n${BEHIND_THE_SOFA.lines.join('')}`);
    expect(sofa.text).toBe(BEHIND_THE_SOFA.body);
    expect(sofa.signatures.map(({ name }) => name)).toStrictEqual([
      'example.com/behind-the-sofa',
      'witness.example.com/w1',
    ]);
    expect(parseSignedNote(ARCHE.note).signatures).toHaveLength(6);
  });
});

describe('verifySignedNote', () => {
  it('knows a key by name and id together', () => {
    const other = { ...PETER, keyId: PETER.keyId + 1 };
    const renamed = { ...PETER, name: 'PeterNeuman' };
    for (const keys of [[], [other], [renamed]]) {
      expect(() => verifySignedNote(NOTE, keys)).toThrowError(code('UNTRUSTED'));
    }
  });

  it('condemns a note with one bad signature of a known key, even beside a good one', () => {
    const forged = NOTE.replace('rwz+eBzm', 'rwz+eBzn');
    expect(names(verifySignedNote(forged, [PETER]))).toStrictEqual(['PeterNeumann']);
    expect(() => verifySignedNote(forged, [PETER, ENOCH])).toThrowError(code('BAD_SIGNATURE'));
    expect(() => verifySignedNote(NOTE.replace('answer', 'Answer'), [PETER])).toThrowError(code('BAD_SIGNATURE'));
  });

  it('condemns a signature of the wrong length', () => {
    const short = `${GO.text}\n— PeterNeumann ${Buffer.from('c74f20a3ff', 'hex').toString('base64')}\n`;
    expect(() => verifySignedNote(short, [PETER])).toThrowError(code('BAD_SIGNATURE'));
  });

  it('counts a key that signed twice once', () => {
    const twice = `${GO.text}\n${GO.peter.line}${GO.peter.line}`;
    expect(names(verifySignedNote(twice, [PETER]))).toStrictEqual(['PeterNeumann']);
  });

  it('refuses two keys that it could not tell apart', () => {
    expect(() => verifySignedNote(NOTE, [PETER, noteVerifier(GO.peter.vkey)])).toThrowError(code('INVALID_KEY'));
  });

  it('takes verifiers of other signature types', () => {
    const other: NoteVerifier = {
      name: 'quasimodo.example/salvatore',
      keyId: 0x367ba04b,
      publicKey: Uint8Array.of(1),
      verify: (text, signature) => (text.includes('sera') && signature.length === 64 ? {} : undefined),
    };
    expect(names(verifySignedNote(QUASIMODO, [other]))).toStrictEqual(['quasimodo.example/salvatore']);
  });

  it('does not accept a key that is no point of the curve', () => {
    const publicKey = new Uint8Array(32).fill(0xff);
    const by = { publicKey, signature: new Uint8Array(64) };
    expect(isEd25519Signature(Buffer.from('a'), by)).toBe(false);
    expect(() => isEd25519Signature(Buffer.from('a'), { ...by, publicKey: publicKey.subarray(1) })).toThrowError(
      code('INVALID_KEY'),
    );
  });
});

describe('parseSignedNote', () => {
  it.each([
    ['nothing', ''],
    ['no signature', `${GO.text}\n`],
    ['no blank line', `${GO.text}${GO.peter.line}`],
    ['no text', `\n${GO.peter.line}`],
    ['no newline at its end', NOTE.slice(0, -1)],
    ['a blank line after its signatures', `${NOTE}\n`],
    ['a hyphen for the dash', NOTE.replace('— Peter', '- Peter')],
    ['two spaces', NOTE.replace('— Peter', '—  Peter')],
    ['a word too many', NOTE.replace('Neumann ', 'Neumann x ')],
    ['a trailing space', NOTE.replace('nAM=\n', 'nAM= \n')],
    ['a plus in a name', NOTE.replace('— Peter', '— Pe+er')],
    ['a no-break space in a name', NOTE.replace('— Peter', '— Pe\u00a0er')],
    ['no name', NOTE.replace('— PeterNeumann', '—')],
    ['bad base64', NOTE.replace('nAM=', 'nAM')],
    ['stray bits in base64', NOTE.replace('nAM=', 'nAN=')],
    ['base64 of another alphabet', NOTE.replace('x08go/', 'x08go_')],
    ['nothing after the key id', `${GO.text}\n— PeterNeumann x08gow==\n`],
    ['a carriage return', NOTE.replaceAll('\n', '\r\n')],
    ['a control character', NOTE.replace('answer', 'an\u0007swer')],
    ['a lone carriage return', NOTE.replace('answer', 'an\rswer')],
    ['the last control character', NOTE.replace('answer', 'an\u001fswer')],
    ['a tab', NOTE.replace('answer', 'an\tswer')],
    ['a lone surrogate', NOTE.replace('answer', 'an\ud800swer')],
    ['101 signatures', `${GO.text}\n${GO.peter.line.repeat(101)}`],
    ['more than a million bytes', `${'é'.repeat(500_001)}\n\n${GO.peter.line}`],
  ])('refuses a note with %s', (_, note) => {
    expect(() => parseSignedNote(note)).toThrowError(code('INVALID_NOTE'));
    // What a lone surrogate becomes in UTF-8 is well formed.
    if (note.isWellFormed()) expect(() => parseSignedNote(Buffer.from(note))).toThrowError(code('INVALID_NOTE'));
  });

  it('refuses bytes that are not UTF-8', () => {
    const bytes = Buffer.from(NOTE);
    bytes[3] = 0xff;
    expect(() => parseSignedNote(bytes)).toThrowError(code('INVALID_NOTE'));
  });

  it('keeps a byte order mark, for it was signed', () => {
    expect(parseSignedNote(Buffer.from(`\ufeff${NOTE}`)).text.startsWith('\ufeff')).toBe(true);
  });

  it('takes 100 signatures, and odd but valid names', () => {
    const note = `a\n\n${'— \u007fname\u200b x08go/Y=\n'.repeat(100)}`;
    expect(parseSignedNote(note).signatures).toHaveLength(100);
  });
});

describe('writing notes', () => {
  const of = { name: 'a', publicKey: new Uint8Array(32), signature: new Uint8Array(64) };

  it.each([
    ['a text without a newline', { text: 'a', lines: [GO.peter.line] }],
    ['no text', { text: '', lines: [GO.peter.line] }],
    ['no lines', { text: GO.text, lines: [] }],
    ['a line without a newline', { text: GO.text, lines: [GO.peter.line.slice(0, -1), GO.enoch.line] }],
    ['two lines in one', { text: GO.text, lines: [GO.peter.line + GO.enoch.line] }],
    ['a line that moves the end of the text', { text: GO.text, lines: [`a\n\n${GO.peter.line}`] }],
  ])('refuses %s', (_, parts) => {
    expect(() => formatSignedNote(parts)).toThrowError(code('INVALID_NOTE'));
  });

  it('refuses what is no raw signature, key or name', () => {
    expect(() => noteSignatureLine({ ...of, signature: new Uint8Array(63) })).toThrowError(code('INVALID_NOTE'));
    expect(() => noteSignatureLine({ ...of, publicKey: new Uint8Array(31) })).toThrowError(code('INVALID_KEY'));
    expect(() => noteSignatureLine({ ...of, name: 'a b' })).toThrowError(code('INVALID_KEY'));
  });
});
