import { PG_OID, type Queryable } from '@cert-tasks/db';
import type { KeyMaterial } from '../../application/ports/key-backend.ts';
import type { KeyPageRequest, KeyStore, NewKey, StoredKey } from '../../application/ports/key-store.ts';
import type { Key, KeyName } from '../../domain/key.ts';
import { keyPolicyDocument } from '../../domain/key-policy-document.ts';
import { type KeyRow, keyFromRow, type MaterialRow, materialFromRow } from './rows.ts';

/** Keys in the tables `keys` and `key_versions`. */
export class PostgresKeyStore implements KeyStore {
  readonly #sql: Queryable['sql'];

  constructor({ sql }: Pick<Queryable, 'sql'>) {
    this.#sql = sql;
  }

  async insert(key: NewKey, material: KeyMaterial): Promise<Key | undefined> {
    const [row] = await this.#sql<{ created_at: Date }[]>`
      with new_key as (
        insert into signer.keys (id, project, name, purpose, algorithm, policy, state, primary_version, etag)
        values (
          ${key.id}, ${key.name.project}, ${key.name.key}, ${key.policy.purpose}, ${key.algorithm},
          ${JSON.stringify(keyPolicyDocument(key.policy))}::jsonb, 'enabled', ${key.primaryVersion}, ${key.etag}
        )
        on conflict (project, name) do nothing
        returning id, created_at
      ), new_version as (
        insert into signer.key_versions (key_id, version, public_key, sealed, wrapped_data_key, kek_id)
        select new_key.id, ${key.primaryVersion}, ${key.publicKey}, ${material.sealed}, ${material.wrappedDataKey}, ${material.kekId}
        from new_key
      )
      select created_at from new_key`;
    return row && { ...key, state: 'enabled', createdAt: row.created_at, disabledAt: undefined };
  }

  async find({ project, key }: KeyName): Promise<Key | undefined> {
    const [row] = await this.#sql<KeyRow[]>`
      select k.id, k.project, k.name, k.purpose, k.algorithm, k.policy, k.state, k.primary_version, k.etag, k.created_at,
        k.disabled_at, v.public_key
      from signer.keys k join signer.key_versions v on v.key_id = k.id and v.version = k.primary_version
      where k.project = ${project} and k.name = ${key}`;
    return row && keyFromRow(row);
  }

  async findStored(names: readonly KeyName[]): Promise<readonly StoredKey[]> {
    const { array } = this.#sql;
    const rows = await this.#sql<(KeyRow & MaterialRow)[]>`
      select k.id, k.project, k.name, k.purpose, k.algorithm, k.policy, k.state, k.primary_version, k.etag, k.created_at,
        k.disabled_at, v.public_key, v.sealed, v.wrapped_data_key, v.kek_id
      from signer.keys k join signer.key_versions v on v.key_id = k.id and v.version = k.primary_version
      where (k.project, k.name) in (
        select wanted.project, wanted.name
        from unnest(
          ${array(
            names.map(({ project }) => project),
            PG_OID.text,
          )}::text[],
          ${array(
            names.map(({ key }) => key),
            PG_OID.text,
          )}::text[]
        ) as wanted (project, name)
      )`;
    return rows.map((row) => ({ key: keyFromRow(row), material: materialFromRow(row) }));
  }

  async list({ project, afterId, limit }: KeyPageRequest): Promise<readonly Key[]> {
    const rows = await this.#sql<KeyRow[]>`
      select k.id, k.project, k.name, k.purpose, k.algorithm, k.policy, k.state, k.primary_version, k.etag, k.created_at,
        k.disabled_at, v.public_key
      from signer.keys k join signer.key_versions v on v.key_id = k.id and v.version = k.primary_version
      where k.project = ${project} and k.id > ${afterId ?? NIL_UUID}
      order by k.id
      limit ${limit}`;
    return rows.map(keyFromRow);
  }

  async lock({ project, key }: KeyName): Promise<Key | undefined> {
    const [row] = await this.#sql<KeyRow[]>`
      select k.id, k.project, k.name, k.purpose, k.algorithm, k.policy, k.state, k.primary_version, k.etag, k.created_at,
        k.disabled_at, v.public_key
      from signer.keys k join signer.key_versions v on v.key_id = k.id and v.version = k.primary_version
      where k.project = ${project} and k.name = ${key}
      for no key update of k`;
    return row && keyFromRow(row);
  }

  async disable({ id, etag }: { readonly id: string; readonly etag: string }): Promise<Key | undefined> {
    const [row] = await this.#sql<KeyRow[]>`
      update signer.keys k
      set state = 'disabled', disabled_at = clock_timestamp(), etag = ${etag}
      from signer.key_versions v
      where k.id = ${id} and k.state = 'enabled' and v.key_id = k.id and v.version = k.primary_version
      returning k.id, k.project, k.name, k.purpose, k.algorithm, k.policy, k.state, k.primary_version, k.etag, k.created_at,
        k.disabled_at, v.public_key`;
    return row && keyFromRow(row);
  }

  async disabledAmong(ids: readonly string[]): Promise<ReadonlySet<string>> {
    const rows = await this.#sql<{ id: string }[]>`
      select id from signer.keys
      where id = any(${this.#sql.array([...ids], PG_OID.uuid)}::uuid[]) and state <> 'enabled'`;
    return new Set(rows.map(({ id }) => id));
  }

  async keyEncryptionKeyIds(): Promise<readonly string[]> {
    const rows = await this.#sql<{ kek_id: string }[]>`select distinct kek_id from signer.key_versions order by kek_id`;
    return rows.map(({ kek_id: kekId }) => kekId);
  }
}

/** Sorts before every id. */
const NIL_UUID = '00000000-0000-0000-0000-000000000000';
