import { timestampDate } from '@bufbuild/protobuf/wkt';
import { AuditEntrySchema, AuditService, CheckpointSchema } from '@cert-tasks/contracts/audit/v1';
import { Result } from '@cert-tasks/contracts/event/v1';
import { MerkleError } from '@cert-tasks/merkle';
import { writeFileAtomic } from '@cert-tasks/stack';
import type { Command } from 'commander';
import { CliError } from '../cli-error.ts';
import { addConnectionOptions, openConnection } from '../connection-options.ts';
import { formatEntryProof, verifyEntryProof } from '../entry-proof.ts';
import { printLines, printMessage, printTable } from '../output.ts';
import { readText } from '../read-text.ts';

/** Registers what is done with the audit log. */
export function registerAudit(program: Command): void {
  const audit = program.command('audit').description('the audit log and its proofs');

  addConnectionOptions(
    audit
      .command('list')
      .description('list the entries of a project, the youngest first')
      .option('--filter <terms>', 'such as: type = "certificate.created" AND actor = "alice"')
      .option('--json', 'one JSON document an entry'),
  ).action(listEntries);

  addConnectionOptions(
    audit.command('get').description('show an entry').argument('<entry>', 'its event id or name'),
  ).action(getEntry);

  addConnectionOptions(
    audit
      .command('checkpoint')
      .description('show the latest signed checkpoint')
      .option('--note', 'print the signed note alone'),
  ).action(checkpoint);

  addConnectionOptions(
    audit
      .command('prove')
      .description('write the proof that an entry is in the log, as a C2SP tlog-proof file')
      .argument('<entry>', 'its event id or name')
      .requiredOption('--out <file>', 'where it goes'),
  ).action(prove);

  audit
    .command('verify')
    .description('verify a proof file offline, against the log’s verifier key')
    .argument('<file>', 'what audit prove wrote')
    .requiredOption('--key <vkey>', 'the verifier key, as audit checkpoint shows it')
    .action(verify);
}

async function listEntries(
  options: { readonly filter?: string; readonly json?: true },
  command: Command,
): Promise<void> {
  const connection = await openConnection(command);
  const page = await connection.call('audit', AuditService, (client) =>
    client.listAuditEntries({ parent: `projects/${connection.project}`, filter: options.filter ?? '' }),
  );
  if (options.json === true) {
    for (const entry of page.entries) printMessage(AuditEntrySchema, entry);
    return;
  }
  printTable([
    ['INDEX', 'TIME', 'TYPE', 'RESULT', 'ACTOR', 'SUBJECT', 'EVENT'],
    ...page.entries.map(({ index, event, name }) => [
      index.toString(),
      event?.time === undefined ? '' : timestampDate(event.time).toISOString(),
      event?.type ?? '',
      event === undefined ? '' : Result[event.result],
      event?.actor?.id ?? '',
      event?.subject ?? '',
      name.split('/').at(-1) ?? '',
    ]),
  ]);
}

async function getEntry(name: string, _options: object, command: Command): Promise<void> {
  const connection = await openConnection(command);
  const { entry } = await connection.call('audit', AuditService, (client) =>
    client.getAuditEntry({ name: connection.resource('auditEntries', name) }),
  );
  if (entry !== undefined) printMessage(AuditEntrySchema, entry);
}

async function checkpoint(options: { readonly note?: true }, command: Command): Promise<void> {
  const connection = await openConnection(command);
  const response = await connection.call('audit', AuditService, (client) =>
    client.getCheckpoint({ parent: `projects/${connection.project}` }),
  );
  if (response.checkpoint === undefined) return;
  if (options.note === true) process.stdout.write(response.checkpoint.signedNote);
  else printMessage(CheckpointSchema, response.checkpoint);
}

async function prove(name: string, options: { readonly out: string }, command: Command): Promise<void> {
  const connection = await openConnection(command);
  const full = connection.resource('auditEntries', name);
  const { entry, proof } = await connection.call('audit', AuditService, async (client) => ({
    entry: (await client.getAuditEntry({ name: full })).entry,
    proof: await client.getInclusionProof({ name: full }),
  }));
  if (entry === undefined || proof.checkpoint === undefined) return;
  await writeFileAtomic({ path: options.out, content: formatEntryProof({ entry, proof }), mode: 0o644 });
  printLines([
    `written: ${options.out} (entry ${proof.index} in a tree of ${proof.checkpoint.treeSize})`,
    `verify:  bin/cert-tasks audit verify ${options.out} --key '${proof.checkpoint.verifierKey}'`,
  ]);
}

function verify(file: string, options: { readonly key: string }): void {
  const text = readText(file);
  try {
    const { index, treeSize, origin, event } = verifyEntryProof({ text, verifierKey: options.key });
    printLines([event, `verified: this is entry ${index} of the ${treeSize} that ${origin} has signed for`]);
  } catch (error) {
    if (!(error instanceof MerkleError)) throw error;
    throw new CliError('not-verified', `${file} does not verify: ${error.message}`, { cause: error });
  }
}
