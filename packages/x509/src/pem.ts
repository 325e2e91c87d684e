import { fromBase64, toBase64 } from './base64.ts';
import { X509Error } from './x509-error.ts';

/** Labels of RFC 7468 that are read and written. */
export const PEM_LABELS = [
  'CERTIFICATE',
  'CERTIFICATE REQUEST',
  'X509 CRL',
  'PUBLIC KEY',
  'PRIVATE KEY',
  'PKCS7',
] as const;

/** Label of a PEM block. */
export type PemLabel = (typeof PEM_LABELS)[number];

/** Bounds on a PEM text. */
export interface PemLimits {
  /** Most characters of the whole text. */
  readonly maxLength: number;
  /** Most blocks. */
  readonly maxBlocks: number;
}

/** 1 MiB of text, 100 blocks. */
export const DEFAULT_PEM_LIMITS: PemLimits = { maxLength: 1_048_576, maxBlocks: 100 };

const LINE = 64;

/** One block: boundary lines, base64 in lines of 64 characters, a line feed at each end of line (RFC 7468 section 3). */
export function encodePem(label: PemLabel, der: Uint8Array): string {
  const text = toBase64(der);
  const lines = [`-----BEGIN ${label}-----`];
  for (let i = 0; i < text.length; i += LINE) lines.push(text.slice(i, i + LINE));
  lines.push(`-----END ${label}-----`, '');
  return lines.join('\n');
}

/** Blocks of one label one after another: a chain, leaf first, or a list of anchors. */
export function encodePemBundle(label: PemLabel, ders: readonly Uint8Array[]): string {
  return ders.map((der) => encodePem(label, der)).join('');
}

/**
 * The one block of a text.
 * @throws X509Error `invalid-pem` where there is none, more than one, another label, or a malformed block.
 */
export function decodePem(text: string, label: PemLabel, limits: PemLimits = DEFAULT_PEM_LIMITS): Uint8Array {
  const [block, ...rest] = decodePemBundle(text, label, limits);
  if (block === undefined || rest.length > 0)
    throw new X509Error(
      'invalid-pem',
      `Exactly one ${label} block is expected, found ${rest.length + (block === undefined ? 0 : 1)}`,
    );
  return block;
}

/**
 * All blocks of a text, which must all have the given label, in order. Explanatory text before, between and after blocks
 * is skipped (RFC 7468 section 2); inside a block nothing but the strict form of section 3 is taken: lines of 64
 * characters, the last one shorter or equal, LF or CRLF, canonical base64, no headers, no blank lines.
 * @throws X509Error `invalid-pem` with the number of the line, `limit-exceeded`.
 */
export function decodePemBundle(text: string, label: PemLabel, limits: PemLimits = DEFAULT_PEM_LIMITS): Uint8Array[] {
  if (text.length > limits.maxLength) {
    throw new X509Error('limit-exceeded', `The text has ${text.length} characters, the limit is ${limits.maxLength}`);
  }
  const lines = text.split(/\r?\n/);
  const blocks: Uint8Array[] = [];
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? '';
    if (!line.startsWith('-----')) continue;
    if (line !== `-----BEGIN ${label}-----`) throw malformed(`"-----BEGIN ${label}-----" is expected`, at);
    if (blocks.length >= limits.maxBlocks)
      throw new X509Error('limit-exceeded', `The text has more than ${limits.maxBlocks} blocks`);
    const end = lines.indexOf(`-----END ${label}-----`, at);
    if (end < 0) throw malformed('The block has no end line', at);
    blocks.push(decodeBody(lines, { start: at + 1, end }));
    at = end;
  }
  return blocks;
}

function decodeBody(lines: readonly string[], range: { start: number; end: number }): Uint8Array {
  const body = lines.slice(range.start, range.end);
  for (const [index, line] of body.entries()) {
    const isLast = index === body.length - 1;
    if (isLast ? line.length === 0 || line.length > LINE : line.length !== LINE) {
      throw malformed(`Lines of ${LINE} characters are expected, the last one not empty`, range.start + index);
    }
  }
  const der = fromBase64(body.join(''));
  if (der === undefined || der.length === 0) throw malformed('The block is not canonical base64', range.start);
  return der;
}

function malformed(message: string, lineIndex: number): X509Error {
  return new X509Error('invalid-pem', `${message}, at line ${lineIndex + 1}`);
}
