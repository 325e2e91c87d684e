import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { toJson } from '@bufbuild/protobuf';
import { AuditEntrySchema } from '@cert-tasks/contracts/audit/v1';
import { writeFileAtomic } from '@cert-tasks/stack';
import { encodePem, encodePemBundle } from '@cert-tasks/x509';
import type { Evidence } from './story.ts';

/** Writes what the story left behind, for verification with other tools. Returns the files' names. */
export async function writeEvidence(directory: string, evidence: Evidence): Promise<readonly string[]> {
  const files = {
    'root.pem': encodePem('CERTIFICATE', evidence.root),
    'chain.pem': encodePemBundle('CERTIFICATE', evidence.intermediates),
    'leaf.pem': encodePem('CERTIFICATE', evidence.leaf),
    'renewed.pem': encodePem('CERTIFICATE', evidence.renewed),
    'crl.pem': encodePem('X509 CRL', evidence.crl),
    'checkpoint.txt': evidence.checkpoint,
    'audit-events.json': `${JSON.stringify(
      evidence.entries.map((entry) => toJson(AuditEntrySchema, entry)),
      undefined,
      2,
    )}\n`,
  };
  await mkdir(directory, { recursive: true });
  for (const [name, content] of Object.entries(files))
    await writeFileAtomic({ path: join(directory, name), content, mode: 0o644 });
  return Object.keys(files);
}
