import type { Key, KeyName } from '../../domain/key.ts';
import type { KeyMaterial } from './key-backend.ts';

/** A key as it is when it is made; its times are the database's. */
export type NewKey = Omit<Key, 'createdAt' | 'disabledAt' | 'state'>;

/** A key with its primary version's material. */
export interface StoredKey {
  readonly key: Key;
  readonly material: KeyMaterial;
}

/** A page of a project's keys. */
export interface KeyPageRequest {
  readonly project: string;
  /** Keys after the one with this id; undefined from the first. */
  readonly afterId: string | undefined;
  readonly limit: number;
}

/**
 * Keys as they are stored. A name names a key of its own project only.
 *
 * @throws SignerError `sealed-key-corrupt`, from each method that reads keys, where a row does not make sense any more.
 */
export interface KeyStore {
  /** The key as stored, enabled; undefined where its name is taken. */
  insert(key: NewKey, material: KeyMaterial): Promise<Key | undefined>;
  find(name: KeyName): Promise<Key | undefined>;
  /** Those of the keys that are there, in any order. */
  findStored(names: readonly KeyName[]): Promise<readonly StoredKey[]>;
  /** In order of creation. */
  list(page: KeyPageRequest): Promise<readonly Key[]>;
  /** As `find`, holding the key alone until the transaction ends: it waits for its signatures under way. */
  lock(name: KeyName): Promise<Key | undefined>;
  /** The key, now disabled; undefined where it was not enabled. */
  disable(change: { readonly id: string; readonly etag: string }): Promise<Key | undefined>;
  /** Those of the keys that are disabled. */
  disabledAmong(ids: readonly string[]): Promise<ReadonlySet<string>>;
  /** The ids of all key-encryption keys that stored material needs. */
  keyEncryptionKeyIds(): Promise<readonly string[]>;
}
