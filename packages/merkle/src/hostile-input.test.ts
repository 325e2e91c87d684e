import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ARCHE, GO, QUASIMODO } from '../test/published-notes.ts';
import { canonicalJson } from './canonical-json.ts';
import { formatCheckpoint, parseCheckpoint } from './checkpoint.ts';
import { CompactRange } from './compact-range.ts';
import { decodeEntryBundle, encodeEntryBundle } from './entry-bundle.ts';
import { MerkleError } from './merkle-error.ts';
import { noteVerifier, verifySignedNote } from './note-verifier.ts';
import { verifyCheckpoint } from './signed-checkpoint.ts';
import { parseSignedNote } from './signed-note.ts';
import { decodeTile } from './tile.ts';
import { entryBundlePath, parseTilePath, tilePath } from './tile-path.ts';
import { parseTlogProof } from './tlog-proof.ts';
import { parseVerifierKey } from './verifier-key.ts';
import { rootFromInclusionProof, verifyConsistency } from './verify-proof.ts';

const KEYS = [GO.peter.vkey, GO.enoch.vkey].map((vkey) => noteVerifier(vkey));
const POLICY = { origin: ARCHE.origin, logKeys: [noteVerifier(ARCHE.log)] };
const NOTE = `${GO.text}\n${GO.peter.line}${GO.enoch.line}`;
const PROOF = `c2sp.org/tlog-proof@v1\nextra YWJj\nindex 3\n${'A'.repeat(43)}=\n\n${ARCHE.note}`;
const RANGE = CompactRange.empty(3n).serialize();
const BUNDLE = encodeEntryBundle([Uint8Array.of(1), Uint8Array.of(2, 3)]);

/** Runs a parser and lets through nothing but a result or a MerkleError. */
function survives(parse: () => unknown): void {
  try {
    parse();
  } catch (error) {
    expect(error).toBeInstanceOf(MerkleError);
  }
}

/** Good input with a few bytes overwritten, removed, inserted or repeated. */
function mutated(good: Uint8Array): fc.Arbitrary<Uint8Array> {
  const edit = fc.record({
    at: fc.nat(good.length),
    remove: fc.nat(4),
    insert: fc.oneof(
      fc.uint8Array({ maxLength: 4 }),
      fc.constantFrom(...['\n', '\n\n', ' ', '+', '=', '—', '0'].map((s) => Buffer.from(s))),
    ),
  });
  return fc
    .array(edit, { minLength: 1, maxLength: 4 })
    .map((edits) =>
      edits.reduce<Uint8Array>(
        (bytes, { at, remove, insert }) =>
          Uint8Array.of(...bytes.subarray(0, at), ...insert, ...bytes.subarray(at + remove)),
        good,
      ),
    );
}

const TEXT_PARSERS: readonly [string, string, (input: string | Uint8Array) => unknown][] = [
  ['parseSignedNote', QUASIMODO, parseSignedNote],
  ['verifySignedNote', NOTE, (input) => verifySignedNote(input, KEYS)],
  ['verifyCheckpoint', ARCHE.note, (input) => verifyCheckpoint(input, POLICY)],
  ['parseTlogProof', PROOF, parseTlogProof],
];

const STRING_PARSERS: readonly [string, string, (input: string) => unknown][] = [
  ['parseCheckpoint', ARCHE.note.slice(0, ARCHE.note.indexOf('\n\n') + 1), parseCheckpoint],
  ['parseVerifierKey', ARCHE.log, parseVerifierKey],
  ['parseTilePath', 'tile/0/x001/x234/067.p/8', parseTilePath],
];

const BYTE_PARSERS: readonly [string, Uint8Array, (input: Uint8Array) => unknown][] = [
  ['CompactRange.deserialize', RANGE, (input) => CompactRange.deserialize(input).serialize()],
  ['decodeEntryBundle', BUNDLE, (input) => decodeEntryBundle(input, { width: 2 })],
  ['decodeTile', new Uint8Array(64), (input) => decodeTile(input, { width: 2 })],
];

describe('every parser answers with a result or a MerkleError', () => {
  it.each(TEXT_PARSERS)('%s', (_, good, parse) => {
    parse(good);
    fc.assert(
      fc.property(mutated(Buffer.from(good)), (input) => survives(() => parse(input))),
      { numRuns: 300 },
    );
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (input) => survives(() => parse(input))));
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (input) => survives(() => parse(input))));
  });

  it.each(STRING_PARSERS)('%s', (_, good, parse) => {
    parse(good);
    const text = mutated(Buffer.from(good)).map((bytes) => Buffer.from(bytes).toString());
    fc.assert(
      fc.property(text, (input) => survives(() => parse(input))),
      { numRuns: 300 },
    );
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (input) => survives(() => parse(input))));
  });

  it.each(BYTE_PARSERS)('%s', (_, good, parse) => {
    parse(good);
    fc.assert(
      fc.property(mutated(good), (input) => survives(() => parse(input))),
      { numRuns: 300 },
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (input) => survives(() => parse(input))));
  });

  it('rootFromInclusionProof and verifyConsistency', () => {
    const size = fc.oneof(fc.bigInt(-2n, 12n), fc.bigInt(2n ** 62n, 2n ** 65n));
    const hash = fc.uint8Array({ minLength: 31, maxLength: 33 });
    const proof = fc.array(hash, { maxLength: 70 });
    fc.assert(
      fc.property(size, size, hash, proof, (a, b, leafHash, hashes) => {
        survives(() => rootFromInclusionProof({ index: a, size: b, leafHash, proof: hashes }));
        survives(() => verifyConsistency({ size1: a, size2: b, root1: leafHash, root2: leafHash, proof: hashes }));
      }),
      { numRuns: 500 },
    );
  });

  it('canonicalJson', () => {
    const anything = fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withTypedArray: true,
      withNullPrototype: true,
      withSparseArray: true,
    });
    fc.assert(fc.property(anything, (value) => survives(() => canonicalJson(value))));
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (value) => survives(() => canonicalJson([value]))));
  });
});

describe('what was read is written the same', () => {
  it('for any text that reads as a tile path or checkpoint, near a good one', () => {
    const body = mutated(Buffer.from('a\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n')).map((bytes) =>
      Buffer.from(bytes).toString(),
    );
    const path = mutated(Buffer.from('tile/0/x001/067.p/8')).map((bytes) => Buffer.from(bytes).toString());
    fc.assert(
      fc.property(path, (input) =>
        survives(() => {
          const read = parseTilePath(input);
          expect(read.kind === 'tile' ? tilePath(read) : entryBundlePath(read)).toBe(input);
        }),
      ),
      { numRuns: 1000 },
    );
    fc.assert(
      fc.property(body, (input) => survives(() => expect(formatCheckpoint(parseCheckpoint(input))).toBe(input))),
    );
  });
});
