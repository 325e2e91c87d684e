import { join } from 'node:path';
import { FAILPOINT_VARIABLE, FAILPOINTS } from '@cert-tasks/failpoint';
import { homePath, TokenIssuer } from '@cert-tasks/stack';
import { type Command, Option } from 'commander';
import { CliError } from '../cli-error.ts';
import { runFsck } from '../fsck.ts';
import { printLines, printTable } from '../output.ts';

/** Registers what is done with the platform itself. */
export function registerPlatform(program: Command): void {
  program
    .command('fsck')
    .description(
      'check every invariant across all services, of a running platform or a stopped one; exit 1 and a line for each breach',
    )
    .option(
      '--database-url <url>',
      'a PostgreSQL URL whose role reads all four schemas; default: the platform in CERT_TASKS_HOME',
    )
    .option(
      '--settle-seconds <number>',
      'leave out what is younger, for it may be under way; default: 0, and of a stopped platform all that was under way',
    )
    .action(async (options: { readonly databaseUrl?: string; readonly settleSeconds?: string }) => {
      process.exitCode = await runFsck({ ...options, env: process.env });
    });

  program
    .command('failpoints')
    .description(`list the steps at which ${FAILPOINT_VARIABLE} makes a service die, for fault tests`)
    .action(() => {
      printTable(Object.entries(FAILPOINTS).map(([name, { service, description }]) => [name, service, description]));
    });

  program
    .command('token')
    .description('mint a development token with the key of the platform in CERT_TASKS_HOME')
    .option('--subject <name>', 'who', 'operator')
    .option('--project <name>', 'the project, or * for all', 'default')
    .addOption(
      new Option('--role <role...>', 'what it may do')
        .choices(['viewer', 'operator', 'admin', 'auditor'])
        .default(['operator']),
    )
    .option('--hours <number>', 'how long it is valid: 1 to 24', '8')
    .action(mint);
}

interface TokenOptions {
  readonly subject: string;
  readonly project: string;
  readonly role: ('viewer' | 'operator' | 'admin' | 'auditor')[];
  readonly hours: string;
}

async function mint(options: TokenOptions): Promise<void> {
  const hours = Number(options.hours);
  if (!Number.isInteger(hours) || hours < 1 || hours > 24)
    throw new CliError('wrong-argument', '--hours takes a whole number from 1 to 24.');
  const issuer = await TokenIssuer.open(join(homePath(process.env), 'tokens'));
  const kind = options.role.includes('admin') ? 'admin' : 'user';
  printLines([
    issuer.mint(
      { subject: options.subject, kind, roles: { [options.project]: options.role }, lifetimeSeconds: hours * 3600 },
      new Date(),
    ),
  ]);
}
