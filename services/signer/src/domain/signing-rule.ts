import { SignerError } from './errors.ts';

/** The rule of a key's policy that something to be signed breaks; told as metadata `rule` and in the audit log. */
export type SigningRule =
  | 'purpose'
  | 'version'
  | 'unique-identifier'
  | 'signature-algorithm'
  | 'issuer-name'
  | 'serial-number'
  | 'validity'
  | 'not-before'
  | 'authority'
  | 'path-length'
  | 'key-usage'
  | 'subject-key'
  | 'update-times'
  | 'crl-number';

/** The refusal `outside-key-policy` for a broken rule. */
export function ruleBroken(rule: SigningRule, message: string): SignerError {
  return new SignerError('outside-key-policy', message, { field: 'tbs', metadata: { rule } });
}
