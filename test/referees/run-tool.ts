import { spawn } from 'node:child_process';

/** How a program ended. */
export interface ToolRun {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a program of the machine's.
 *
 * @throws Error naming the program where it is not installed: a referee that does not come is no pass.
 */
export function runTool(
  program: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly input?: string | Uint8Array } = {},
): Promise<ToolRun> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: options.cwd, stdio: ['pipe', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    child.on('error', (cause) =>
      reject(new Error(`${program} cannot be run. Install it (.ci/run does) and try again.`, { cause })),
    );
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}
