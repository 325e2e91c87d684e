import { PG_OID, type Queryable } from '@cert-tasks/db';
import { encodeTile, leafHash, TILE_WIDTH, type Tile } from '@cert-tasks/merkle';
import { AuditError } from '../../domain/errors.ts';

/**
 * Content of tiles, in the order of the question. A full tile is a row of its own; the hashes of one that is not full are
 * those of the entries, or the roots of the tiles of the level below. None of these rows ever changes, so that the
 * statements need no common snapshot.
 *
 * @throws AuditError `log-damaged` (as rejection) where a hash is missing.
 */
export async function readTiles(db: Queryable, tiles: readonly Tile[]): Promise<Uint8Array[]> {
  const full = tiles.filter(({ width }) => width === TILE_WIDTH);
  const [fullTiles, ...partialTiles] = await Promise.all([
    readFullTiles(db, full),
    ...tiles.filter(({ width }) => width < TILE_WIDTH).map(async (tile) => encodeTile(await readTileStart(db, tile))),
  ]);
  let partialAt = 0;
  return tiles.map((tile) => {
    const bytes = tile.width === TILE_WIDTH ? fullTiles.get(`${tile.level}/${tile.index}`) : partialTiles[partialAt++];
    if (bytes === undefined) throw damaged(tile);
    return bytes;
  });
}

/**
 * The first hashes of a tile.
 *
 * @throws AuditError `log-damaged` (as rejection) where one is missing.
 */
export async function readTileStart(db: Queryable, tile: Tile): Promise<Uint8Array[]> {
  const from = tile.index * BigInt(TILE_WIDTH);
  const to = from + BigInt(tile.width);
  const hashes =
    tile.level === 0
      ? (await readLeaves(db, from, to)).map(leafHash)
      : await readRoots(db, { level: tile.level - 1, from, to });
  if (hashes.length !== tile.width) throw damaged(tile);
  return hashes;
}

async function readFullTiles(db: Queryable, tiles: readonly Tile[]): Promise<ReadonlyMap<string, Uint8Array>> {
  if (tiles.length === 0) return new Map();
  const levels = db.sql.array(
    tiles.map(({ level }) => level),
    PG_OID.int4,
  );
  const indexes = db.sql.array(
    tiles.map(({ index }) => index),
    PG_OID.int8,
  );
  const rows = await db.sql<{ level: number; index: bigint; hashes: Uint8Array }[]>`
    select level, index, hashes from tiles
    where (level, index) in (select * from unnest(${levels}::int4[], ${indexes}::int8[]))`;
  return new Map(rows.map(({ level, index, hashes }) => [`${level}/${index}`, hashes]));
}

async function readLeaves(db: Queryable, from: bigint, to: bigint): Promise<Uint8Array[]> {
  const rows = await db.sql<{ leaf: Uint8Array }[]>`
    select leaf_data as leaf from entries where index >= ${from} and index < ${to} order by index`;
  return rows.map(({ leaf }) => leaf);
}

async function readRoots(
  db: Queryable,
  { level, from, to }: { level: number; from: bigint; to: bigint },
): Promise<Uint8Array[]> {
  const rows = await db.sql<{ root: Uint8Array }[]>`
    select root from tiles where level = ${level} and index >= ${from} and index < ${to} order by index`;
  return rows.map(({ root }) => root);
}

function damaged({ level, index }: Tile): AuditError {
  return new AuditError('log-damaged', `Hashes of tile ${index} of level ${level} are missing in the database.`, {
    advice: 'Run bin/cert-tasks fsck.',
  });
}
