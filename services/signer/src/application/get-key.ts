import type { Key, KeyName } from '../domain/key.ts';
import { keyNotFound } from '../domain/key-errors.ts';
import type { UnitOfWork } from './ports/unit-of-work.ts';

/** One key. @throws SignerError `key-not-found`. */
export async function getKey(work: UnitOfWork, name: KeyName): Promise<Key> {
  const key = await work.read('get-key', ({ keys }) => keys.find(name));
  if (key === undefined) throw keyNotFound('name');
  return key;
}
