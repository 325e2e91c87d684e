import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import {
  AuthorityService,
  AuthorityState,
  type Certificate,
  CertificateSchema,
  CertificateService,
  CertificateState,
  RevocationReason,
} from '@cert-tasks/contracts/cert/v1';
import { makeRequest, writeFileAtomic } from '@cert-tasks/stack';
import { decodePem } from '@cert-tasks/x509';
import { type Command, Option } from 'commander';
import { CliError } from '../cli-error.ts';
import { addConnectionOptions, openConnection } from '../connection-options.ts';
import { printMessage, printTable } from '../output.ts';

/** Registers what is done with certificates and authorities. */
export function registerCertificates(program: Command): void {
  addConnectionOptions(
    program
      .command('issue')
      .description('issue a certificate: for a CSR, or with a new key for the given DNS names')
      .argument('[names...]', 'DNS names, for a new key')
      .option('--csr <file>', 'a PKCS#10 request in PEM or DER instead of names')
      .option('--out <directory>', 'where key.pem, chain.pem and root.pem go; default: the certificate id')
      .option('--authority <id>', 'the authority that issues; default: the oldest active subordinate')
      .option('--profile <id>', 'the profile', 'server')
      .option('--days <number>', 'how long it is valid; default: what the profile says')
      .option('--request-id <id>', 'makes the call safe to repeat; default: a new one')
      .option('--dry-run', 'check everything, issue nothing'),
  ).action(issue);

  addConnectionOptions(
    program
      .command('get')
      .description('show a certificate')
      .argument('<certificate>', 'its id or name')
      .option('--pem', 'print the chain in PEM'),
  ).action(get);

  addConnectionOptions(
    program
      .command('list')
      .description('list the certificates of a project, the youngest first')
      .option('--filter <terms>', 'such as: state = "ISSUED" AND expire_time < "2027-01-01T00:00:00Z"')
      .option('--limit <number>', 'at most this many', '50')
      .option('--json', 'one JSON document a certificate'),
  ).action(list);

  addConnectionOptions(
    program
      .command('renew')
      .description('issue the successor of a certificate, with the same key or that of a new request')
      .argument('<certificate>', 'its id or name')
      .option('--csr <file>', 'a PKCS#10 request in PEM or DER with the new key')
      .option('--request-id <id>', 'makes the call safe to repeat; default: a new one'),
  ).action(renew);

  addConnectionOptions(
    program
      .command('revoke')
      .description('revoke a certificate for good')
      .argument('<certificate>', 'its id or name')
      .addOption(new Option('--reason <reason>', 'why').choices(Object.keys(REASONS)).default('not-stated'))
      .option('--request-id <id>', 'makes the call safe to repeat; default: a new one'),
  ).action(revoke);

  addConnectionOptions(program.command('authorities').description('list the authorities of a project')).action(
    authorities,
  );
}

const REASONS: Readonly<Record<string, RevocationReason>> = {
  'not-stated': RevocationReason.NOT_STATED,
  'key-compromise': RevocationReason.KEY_COMPROMISE,
  'ca-compromise': RevocationReason.CA_COMPROMISE,
  'affiliation-changed': RevocationReason.AFFILIATION_CHANGED,
  superseded: RevocationReason.SUPERSEDED,
  'cessation-of-operation': RevocationReason.CESSATION_OF_OPERATION,
  'privilege-withdrawn': RevocationReason.PRIVILEGE_WITHDRAWN,
};

interface IssueOptions {
  readonly csr?: string;
  readonly out?: string;
  readonly authority?: string;
  readonly profile: string;
  readonly days?: string;
  readonly requestId?: string;
  readonly dryRun?: true;
}

async function issue(names: string[], options: IssueOptions, command: Command): Promise<void> {
  const connection = await openConnection(command);
  if ((options.csr === undefined) === (names.length === 0)) {
    throw new CliError('wrong-argument', 'Give DNS names for a new key, or --csr FILE for a key that exists.');
  }
  const made = options.csr === undefined ? makeRequest({ dnsNames: names }) : undefined;
  const { certificate } = await connection.call('cert', CertificateService, (client) =>
    client.issueCertificate({
      parent: `projects/${connection.project}`,
      profile: options.profile,
      certificationRequest: { case: 'csrDer', value: made?.csrDer ?? readCsr(options.csr ?? '') },
      requestId: options.requestId ?? randomUUID(),
      validateOnly: options.dryRun === true,
      ...(options.authority !== undefined && { authority: connection.resource('authorities', options.authority) }),
      ...(options.days !== undefined && {
        lifetime: { seconds: BigInt(wholeNumber(options.days, '--days') * 86_400) },
      }),
    }),
  );
  if (certificate === undefined) return;
  printMessage(CertificateSchema, certificate);
  if (options.dryRun === true) return;
  const directory = options.out ?? (made === undefined ? undefined : idOf(certificate));
  if (directory === undefined) return;
  await mkdir(directory, { recursive: true });
  const files = [
    ...(made === undefined ? [] : [{ name: 'key.pem', content: made.keyPem, mode: 0o600 }]),
    { name: 'chain.pem', content: certificate.pemChain.slice(0, -1).join(''), mode: 0o644 },
    { name: 'root.pem', content: certificate.pemChain.at(-1) ?? '', mode: 0o644 },
  ];
  for (const { name, content, mode } of files) await writeFileAtomic({ path: join(directory, name), content, mode });
  process.stderr.write(`written: ${files.map(({ name }) => join(directory, name)).join(', ')}\n`);
}

async function get(name: string, options: { readonly pem?: true }, command: Command): Promise<void> {
  const connection = await openConnection(command);
  const { certificate } = await connection.call('cert', CertificateService, (client) =>
    client.getCertificate({ name: connection.resource('certificates', name) }),
  );
  if (certificate === undefined) return;
  if (options.pem === true) process.stdout.write(certificate.pemChain.join(''));
  else printMessage(CertificateSchema, certificate);
}

interface ListOptions {
  readonly filter?: string;
  readonly limit: string;
  readonly json?: true;
}

async function list(options: ListOptions, command: Command): Promise<void> {
  const connection = await openConnection(command);
  const limit = wholeNumber(options.limit, '--limit');
  const found: Certificate[] = [];
  await connection.call('cert', CertificateService, async (client) => {
    for (let pageToken = ''; ; ) {
      const page = await client.listCertificates({
        parent: `projects/${connection.project}`,
        pageSize: Math.min(1000, limit - found.length),
        pageToken,
        filter: options.filter ?? '',
      });
      found.push(...page.certificates);
      pageToken = page.nextPageToken;
      if (pageToken === '' || found.length >= limit) return;
    }
  });
  if (options.json === true) {
    for (const certificate of found) printMessage(CertificateSchema, certificate);
    return;
  }
  printTable([
    ['ID', 'STATE', 'NAMES', 'NOT AFTER', 'SERIAL'],
    ...found.map((certificate) => [
      idOf(certificate),
      CertificateState[certificate.state],
      [...certificate.dnsNames, ...certificate.ipAddresses].join(',') || certificate.subject,
      certificate.notAfterTime === undefined ? '' : timestampDate(certificate.notAfterTime).toISOString(),
      certificate.serialNumber,
    ]),
  ]);
}

async function renew(
  name: string,
  options: { readonly csr?: string; readonly requestId?: string },
  command: Command,
): Promise<void> {
  const connection = await openConnection(command);
  const { certificate } = await connection.call('cert', CertificateService, (client) =>
    client.renewCertificate({
      name: connection.resource('certificates', name),
      requestId: options.requestId ?? randomUUID(),
      ...(options.csr !== undefined && { csrDer: readCsr(options.csr) }),
    }),
  );
  if (certificate !== undefined) printMessage(CertificateSchema, certificate);
}

async function revoke(
  name: string,
  options: { readonly reason: string; readonly requestId?: string },
  command: Command,
): Promise<void> {
  const connection = await openConnection(command);
  const { certificate } = await connection.call('cert', CertificateService, (client) =>
    client.revokeCertificate({
      name: connection.resource('certificates', name),
      reason: REASONS[options.reason] ?? RevocationReason.NOT_STATED,
      requestId: options.requestId ?? randomUUID(),
    }),
  );
  if (certificate !== undefined) printMessage(CertificateSchema, certificate);
}

async function authorities(_options: object, command: Command): Promise<void> {
  const connection = await openConnection(command);
  const page = await connection.call('cert', AuthorityService, (client) =>
    client.listAuthorities({ parent: `projects/${connection.project}`, pageSize: 1000 }),
  );
  printTable([
    ['NAME', 'STATE', 'SUBJECT', 'ISSUER', 'NOT AFTER'],
    ...page.authorities.map((authority) => [
      authority.name,
      AuthorityState[authority.state],
      authority.subject?.commonName ?? '',
      authority.issuer,
      authority.notAfterTime === undefined ? '' : timestampDate(authority.notAfterTime).toISOString(),
    ]),
  ]);
}

function readCsr(file: string): Uint8Array {
  if (!existsSync(file)) throw new CliError('file-unusable', `${file} is not there.`);
  const bytes = readFileSync(file);
  return bytes.subarray(0, 5).toString() === '-----' ? decodePem(bytes.toString(), 'CERTIFICATE REQUEST') : bytes;
}

function wholeNumber(text: string, option: string): number {
  if (/^[1-9][0-9]{0,5}$/.test(text)) return Number(text);
  throw new CliError('wrong-argument', `${option} takes a whole number from 1 to 999999.`);
}

function idOf(certificate: Certificate): string {
  return certificate.name.split('/').at(-1) ?? '';
}
