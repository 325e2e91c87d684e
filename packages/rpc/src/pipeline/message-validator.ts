import { create, type DescMessage, type Message } from '@bufbuild/protobuf';
import { pathToString } from '@bufbuild/protobuf/reflect';
import { createValidator, type Violation } from '@bufbuild/protovalidate';
import { CallError } from '../errors/call-error.ts';

/**
 * Checks messages against the rules that their contracts carry (protovalidate).
 *
 * @throws CallError `invalid-request` naming every field at fault.
 */
export type MessageValidator = (schema: DescMessage, message: Message) => void;

/**
 * Compiles the rules of the given messages once.
 *
 * @throws Error when a rule in a contract does not compile: a service with such a contract must not start.
 */
export function messageValidator(schemas: Iterable<DescMessage>): MessageValidator {
  const patterns = new Map<string, RegExp>();
  const validator = createValidator({
    // Patterns are constants of our own contracts, and few; the default engine is many times slower than RegExp.
    regexMatch(pattern, against) {
      let compiled = patterns.get(pattern);
      if (compiled === undefined) {
        compiled = new RegExp(pattern, 'u');
        patterns.set(pattern, compiled);
      }
      return compiled.test(against);
    },
  });
  for (const schema of new Set(schemas)) {
    const result = validator.validate(schema, create(schema));
    if (result.kind === 'error') throw result.error;
  }
  return (schema, message) => {
    const result = validator.validate(schema, message);
    if (result.kind === 'error') throw result.error;
    if (result.kind === 'invalid') throw invalid(result.violations);
  };
}

function invalid(found: readonly Violation[]): CallError {
  const violations = found.map(({ field, message }) => ({ field: pathToString(field), description: message }));
  const message = violations.map(({ field, description }) => `${field} ${description}`).join('; ');
  return new CallError('invalid-request', `The request breaks its contract: ${message}.`, { violations });
}
