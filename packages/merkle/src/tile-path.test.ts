import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { entryBundlePath, parseTilePath, tilePath } from './tile-path.ts';

const INVALID = expect.objectContaining({ name: 'MerkleError', code: 'INVALID_TILE' });

describe('tile paths', () => {
  // The first is the example of C2SP tlog-tiles.
  it.each([
    [0, 1_234_067n, 256, 'tile/0/x001/x234/067'],
    [0, 0n, 256, 'tile/0/000'],
    [1, 1n, 17, 'tile/1/001.p/17'],
    [0, 273n, 112, 'tile/0/273.p/112'],
    [0, 999n, 1, 'tile/0/999.p/1'],
    [0, 1000n, 255, 'tile/0/x001/000.p/255'],
    [2, 123_456_789n, 256, 'tile/2/x123/x456/789'],
    [63, 0n, 1, 'tile/63/000.p/1'],
    [0, 2n ** 63n - 1n, 256, 'tile/0/x009/x223/x372/x036/x854/x775/807'],
  ])('of tile %i/%i of width %i is %s', (level, index, width, path) => {
    expect(tilePath({ level, index, width })).toBe(path);
    expect(parseTilePath(path)).toStrictEqual({ kind: 'tile', level, index, width });
  });

  it.each([
    [1_234_067n, 256, 'tile/entries/x001/x234/067'],
    [0n, 8, 'tile/entries/000.p/8'],
  ])('of entry bundle %i of width %i is %s', (index, width, path) => {
    expect(entryBundlePath({ index, width })).toBe(path);
    expect(parseTilePath(path)).toStrictEqual({ kind: 'entries', index, width });
  });

  it('come back as what they were made from', () => {
    fc.assert(
      fc.property(
        fc.nat(63),
        fc.bigInt(0n, 2n ** 63n - 1n),
        fc.integer({ min: 1, max: 256 }),
        (level, index, width) => {
          expect(parseTilePath(tilePath({ level, index, width }))).toStrictEqual({ kind: 'tile', level, index, width });
          expect(parseTilePath(entryBundlePath({ index, width }))).toStrictEqual({ kind: 'entries', index, width });
        },
      ),
    );
  });

  it.each([
    '',
    'tile',
    'tile/0',
    'tile/0/',
    '/tile/0/000',
    'tile/0/0',
    'tile/0/00',
    'tile/0/0000',
    'tile/0/001/067',
    'tile/0/x001/x067',
    'tile/0/x000/067',
    'tile/0/x000/x001/067',
    'tile/0/x01/067',
    'tile/00/000',
    'tile/01/000',
    'tile/64/000',
    'tile/-1/000',
    'tile/a/000',
    'tile/Entries/000',
    'tile/entries/',
    'tile/0/000.p/0',
    'tile/0/000.p/256',
    'tile/0/000.p/01',
    'tile/0/000.p/',
    'tile/0/000.p',
    'tile/0/000.p/1/',
    'tile/0/000/',
    'tile/0/000\n',
    'tile/0/../../etc/passwd',
    'tile/0/%30%30%30',
    'tile/0/٠٠٠',
    'tile/0/x009/x223/x372/x036/x854/x775/808',
    `tile/0/${'x999/'.repeat(1000)}999`,
  ])('refuses %j', (path) => {
    expect(() => parseTilePath(path)).toThrowError(INVALID);
  });

  it.each([
    { level: 64, index: 0n, width: 1 },
    { level: -1, index: 0n, width: 1 },
    { level: 0, index: -1n, width: 1 },
    { level: 0, index: 2n ** 63n, width: 1 },
    { level: 0, index: 0n, width: 0 },
    { level: 0, index: 0n, width: 257 },
  ])('refuses to name $level/$index of width $width', (tile) => {
    expect(() => tilePath(tile)).toThrowError(INVALID);
    if (tile.level === 0) expect(() => entryBundlePath(tile)).toThrowError(INVALID);
  });
});
