import type { Breach } from './breach.ts';
import type { CheckInput } from './check.ts';

/** Private keys are sealed (DESIGN 3.6): what is stored has the sealed form and is no DER, and every key has its signing version. */
export async function* checkKeys({ sql }: CheckInput): AsyncIterable<Breach> {
  const rows = await sql<{ id: string; version: number; sealedForm: boolean; wrappedForm: boolean }[]>`
    select key_id as id, version,
      get_byte(sealed, 0) = 1 and octet_length(sealed) > 29 as "sealedForm",
      get_byte(wrapped_data_key, 0) = 1 and octet_length(wrapped_data_key) = 61 as "wrappedForm"
    from signer.key_versions
    where get_byte(sealed, 0) <> 1 or octet_length(sealed) <= 29
      or get_byte(wrapped_data_key, 0) <> 1 or octet_length(wrapped_data_key) <> 61`;
  for (const { id, version, sealedForm } of rows) {
    const detail = sealedForm
      ? 'its data key is not wrapped as it must be'
      : 'its material is not sealed as it must be';
    yield { invariant: 'key-not-sealed', subject: `key ${id} version ${version}`, detail };
  }
  const orphans = await sql<{ project: string; name: string; version: number }[]>`
    select k.project, k.name, k.primary_version as version from signer.keys k
    where not exists (select from signer.key_versions v where v.key_id = k.id and v.version = k.primary_version)`;
  for (const { project, name, version } of orphans) {
    yield {
      invariant: 'key-without-material',
      subject: `projects/${project}/keys/${name}`,
      detail: `version ${version} is missing`,
    };
  }
}
