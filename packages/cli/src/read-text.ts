import { readFileSync } from 'node:fs';
import { CliError } from './cli-error.ts';

/** The text of a file that the user has named. @throws CliError 'file-unusable'. */
export function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const isMissing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    throw new CliError('file-unusable', isMissing ? `${file} is not there.` : `${file} cannot be read.`, { cause });
  }
}
