import { invalidArgument } from './errors.ts';

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
const CONTROL = /[\u0000-\u001f\u007f]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
const CONTROL_BUT_LINES = /[\u0000-\u0008\u000b-\u001f\u007f]/g;

/**
 * Text that identifies something (a worker, a key): passed on as it is or refused, so that two texts which print the
 * same are the same.
 *
 * @throws SchedulerError `invalid-argument` on control characters and half surrogate pairs.
 */
export function identifyingText({ value, field }: { value: string; field: string }): string {
  if (CONTROL.test(value) || !value.isWellFormed()) {
    throw invalidArgument({ field, message: `The ${field} may hold printable characters only.` });
  }
  return value;
}

/**
 * Text for a person (an error's message, a reason): what cannot be stored or would garble a terminal becomes U+FFFD.
 * It is not refused, since a worker that cannot report its failure would only fail worse.
 */
export function messageText(value: string): string {
  return value.toWellFormed().replace(CONTROL_BUT_LINES, '\ufffd');
}
