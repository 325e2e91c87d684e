import type { Command } from 'commander';
import { Connection, type ConnectionOptions } from './connection.ts';

/** The options of every command that talks to a service. */
export function addConnectionOptions(command: Command): Command {
  return command
    .option('--project <name>', 'the project; default: CERT_TASKS_PROJECT, or that of the running platform')
    .option('--token <jwt>', 'who asks; default: CERT_TASKS_TOKEN, or the running platform’s operator')
    .option('--cert-url <url>', 'the cert service; default: CERT_TASKS_CERT_URL, or the running platform')
    .option('--task-url <url>', 'the task-scheduler service; default: CERT_TASKS_TASK_URL, or the running platform')
    .option('--audit-url <url>', 'the audit service; default: CERT_TASKS_AUDIT_URL, or the running platform')
    .option('--ca <file>', 'PEM certificates that the services’ TLS certificates must lead to');
}

/** The connection that a command's options ask for. */
export function openConnection(command: Command): Promise<Connection> {
  return Connection.open(command.opts<ConnectionOptions>(), process.env);
}
