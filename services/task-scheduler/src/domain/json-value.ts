import { invalidArgument } from './errors.ts';

/** A value of JSON. */
export type JsonValue = null | boolean | number | string | JsonValue[] | JsonObject;

/** An object of JSON: what payloads and results are. */
export interface JsonObject {
  [key: string]: JsonValue;
}

/** The most that a payload or a result takes as JSON, in bytes of UTF-8. */
export const MAX_JSON_BYTES = 65_536;

/** How deep objects and lists may nest. Bounds the recursion here and in every reader. */
export const MAX_JSON_DEPTH = 32;

/**
 * Checks a payload or result that came from outside.
 *
 * @returns its size as JSON, in bytes of UTF-8.
 * @throws SchedulerError `invalid-argument` where it is larger than {@link MAX_JSON_BYTES}, nests deeper than
 * {@link MAX_JSON_DEPTH}, or holds what the database cannot: U+0000, half a surrogate pair, a number that is not
 * finite.
 */
export function checkJson({ value, field }: { value: JsonObject; field: string }): number {
  checkValue({ value, field, depth: 1 });
  const bytes = Buffer.byteLength(JSON.stringify(value));
  if (bytes > MAX_JSON_BYTES) {
    throw invalidArgument({
      field,
      message: `The ${field} takes ${bytes} bytes as JSON; the most is ${MAX_JSON_BYTES}. Store it elsewhere and pass a reference.`,
    });
  }
  return bytes;
}

/** Whether two values are the same, whatever the order of their keys. */
export function jsonEquals(a: JsonValue, b: JsonValue): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    return a.every((item, i) => jsonEquals(item, b[i] ?? null));
  }
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every((key) => {
    const [left, right] = [a[key], Object.hasOwn(b, key) ? b[key] : undefined];
    return left !== undefined && right !== undefined && jsonEquals(left, right);
  });
}

/** The same object with its keys, and those of objects within, in order. Its depth MUST have been checked. */
export function sortKeys(value: JsonObject): JsonObject {
  const keys = Object.keys(value).toSorted();
  return Object.fromEntries(keys.map((key) => [key, sortValue(value[key] ?? null)]));
}

function sortValue(value: JsonValue): JsonValue {
  if (typeof value !== 'object' || value === null) return value;
  return Array.isArray(value) ? value.map(sortValue) : sortKeys(value);
}

function checkValue({ value, field, depth }: { value: JsonValue; field: string; depth: number }): void {
  if (typeof value === 'string') checkString(value, field);
  else if (typeof value === 'number' && !Number.isFinite(value)) {
    throw invalidArgument({
      field,
      message: `The ${field} holds a number that JSON cannot: send finite numbers only.`,
    });
  } else if (typeof value === 'object' && value !== null) {
    if (depth > MAX_JSON_DEPTH) {
      throw invalidArgument({ field, message: `The ${field} nests deeper than ${MAX_JSON_DEPTH} levels. Flatten it.` });
    }
    if (Array.isArray(value)) for (const item of value) checkValue({ value: item, field, depth: depth + 1 });
    else {
      for (const [key, item] of Object.entries(value)) {
        checkString(key, field);
        checkValue({ value: item, field, depth: depth + 1 });
      }
    }
  }
}

function checkString(text: string, field: string): void {
  if (text.includes('\u0000') || !text.isWellFormed()) {
    throw invalidArgument({
      field,
      message: `The ${field} holds U+0000 or half a surrogate pair. Encode binary data, as base64 say.`,
    });
  }
}
