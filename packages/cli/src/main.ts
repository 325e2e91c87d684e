import { RpcError } from '@cert-tasks/rpc';
import { StackError } from '@cert-tasks/stack';
import { X509Error } from '@cert-tasks/x509';
import { Command } from 'commander';
import { CliError } from './cli-error.ts';
import { registerAudit } from './commands/audit.ts';
import { registerCertificates } from './commands/certificates.ts';
import { registerPlatform } from './commands/platform.ts';
import { registerTasks } from './commands/tasks.ts';

const program = new Command('cert-tasks')
  .description('certificates, tasks and the audit log of a cert-tasks platform')
  .showHelpAfterError('(--help shows what there is)');
registerCertificates(program);
registerTasks(program);
registerAudit(program);
registerPlatform(program);

try {
  await program.parseAsync(process.argv);
} catch (error) {
  // What a person can act on is one line; anything else is a defect and keeps its stack.
  const known = [CliError, RpcError, StackError, X509Error].some((kind) => error instanceof kind);
  if (!known || !(error instanceof Error)) throw error;
  const reason = error instanceof RpcError && error.reason !== '' ? ` [${error.reason}]` : '';
  process.stderr.write(`cert-tasks: ${error.message}${reason}\n`);
  process.exitCode = 1;
}
