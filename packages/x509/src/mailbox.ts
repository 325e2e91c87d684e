import { isDnsName } from './dns-name.ts';

/** A mailbox in two parts. */
export interface Mailbox {
  readonly local: string;
  readonly host: string;
}

/**
 * The parts of an rfc822Name: an ASCII `Local-part@Domain` (RFC 5280 section 4.2.1.6, RFC 5321 section 4.1.2) with a
 * dot-atom local part. Quoted local parts and address literals are refused: readers do not agree on them.
 */
export function parseMailbox(text: string): Mailbox | undefined {
  const match = /^([A-Za-z0-9!#$%&'*+\-/=?^_`{|}~]+(?:\.[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~]+)*)@([^@]+)$/.exec(
    text.slice(0, 400),
  );
  const [local, host] = [match?.[1], match?.[2]];
  if (local === undefined || host === undefined || local.length > 64 || text.length > 320 || !isDnsName(host))
    return undefined;
  return { local, host };
}

/** True for text that `parseMailbox` can split. */
export function isMailbox(text: string): boolean {
  return parseMailbox(text) !== undefined;
}
