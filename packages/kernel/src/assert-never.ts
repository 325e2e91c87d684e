/**
 * Ends a `switch` or chain of cases that the compiler knows to be complete.
 *
 * @throws TypeError when a value that the types do not know gets here all the same. Objects are not printed, since
 * they may hold secrets.
 */
export function assertNever(value: never): never {
  const seen: unknown = value;
  const shown =
    typeof seen === 'string' ? JSON.stringify(seen.slice(0, 64)) : typeof seen === 'number' ? seen : typeof seen;
  throw new TypeError(`A case is not handled here: ${shown}. This is a defect: please report it.`);
}
