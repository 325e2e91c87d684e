import { readFileSync } from 'node:fs';
import { decodePem, type PemLabel } from '../src/pem.ts';

/** Text of a file under test/. */
export function readTestFile(path: string): string {
  return readFileSync(new URL(path, import.meta.url), 'utf8');
}

/** DER of a fixture in PEM. */
export function readFixture(name: string, label: PemLabel = 'CERTIFICATE'): Uint8Array {
  return decodePem(readTestFile(`fixtures/${name}.pem`), label);
}
