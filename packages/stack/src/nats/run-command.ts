import { execFile } from 'node:child_process';

const MAX_OUTPUT_BYTES = 4 * 1024 * 1024;

/**
 * Runs a command to its end and returns its standard output.
 *
 * @throws Error naming the command and the last line that it wrote to standard error.
 */
export function run(options: {
  command: string;
  args: readonly string[];
  timeoutMs: number;
  cwd?: string;
  env?: Readonly<Record<string, string | undefined>>;
}): Promise<string> {
  const settings = {
    encoding: 'utf8' as const,
    timeout: options.timeoutMs,
    maxBuffer: MAX_OUTPUT_BYTES,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: { ...options.env } }),
  };
  return new Promise((resolve, reject) => {
    execFile(options.command, [...options.args], settings, (error, stdout, stderr) => {
      if (error === null) return resolve(stdout);
      const lastLine = stderr.trimEnd().split('\n').at(-1) ?? '';
      reject(new Error(`${options.command}: ${lastLine === '' ? error.message : lastLine}`, { cause: error }));
    });
  });
}
