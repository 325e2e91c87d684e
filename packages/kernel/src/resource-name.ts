import { AppError } from './app-error.ts';

/** Why a resource name could not be made. */
export type ResourceNameErrorCode = 'invalid-resource-id';

/** Raised by {@link formatResourceName}; `field` is the placeholder whose id was refused. */
export class ResourceNameError extends AppError<ResourceNameErrorCode> {}

/** A pattern such as `projects/{project}/certificates/{certificate}`: segments are fixed words or one placeholder. */
export type ResourcePattern = `${string}{${string}}${string}`;

type Placeholder<P extends string> = P extends `${string}{${infer Id}}${infer Rest}` ? Id | Placeholder<Rest> : never;

/** The ids that a pattern names: `{project: string; certificate: string}` for the example above. */
export type ResourceIds<P extends ResourcePattern> = Readonly<Record<Placeholder<P>, string>>;

const ID = /^[a-z0-9-]{1,63}$/;
const PATTERN_SEGMENT = /^(?:[a-zA-Z0-9-]+|\{[a-z][a-zA-Z0-9_]*\})$/;

interface Segment {
  readonly text: string;
  readonly isPlaceholder: boolean;
}

/** Patterns are constants of the code, so this holds one entry for each of them and does not grow with traffic. */
const compiled = new Map<string, readonly Segment[]>();

/**
 * Takes a resource name apart (AIP-122). An id is 1 to 63 of `a-z`, `0-9` and `-`.
 *
 * @returns the ids by placeholder, or undefined when the name does not have the pattern's form. The name may be
 * hostile: work is bounded by the pattern, not by the name's length.
 * @throws TypeError when the pattern itself, which MUST be a constant, is malformed.
 */
export function parseResourceName<P extends ResourcePattern>(name: string, pattern: P): ResourceIds<P> | undefined {
  const segments = compile(pattern);
  const parts = name.split('/', segments.length + 1);
  if (parts.length !== segments.length) return undefined;
  const ids: Record<string, string> = {};
  for (let i = 0; i < segments.length; i++) {
    const segment = segments[i];
    const part = parts[i];
    if (segment === undefined || part === undefined) return undefined;
    if (!segment.isPlaceholder) {
      if (part !== segment.text) return undefined;
    } else {
      if (!ID.test(part)) return undefined;
      ids[segment.text] = part;
    }
  }
  // The keys are the placeholders of P by construction, which the compiler cannot follow.
  return ids as ResourceIds<P>;
}

/**
 * Puts a resource name together.
 *
 * @throws ResourceNameError `invalid-resource-id` when an id is not 1 to 63 of `a-z`, `0-9` and `-`.
 * @throws TypeError when the pattern itself, which MUST be a constant, is malformed.
 */
export function formatResourceName<P extends ResourcePattern>(pattern: P, ids: ResourceIds<P>): string {
  const given: Readonly<Record<string, string | undefined>> = ids;
  return compile(pattern)
    .map(({ text, isPlaceholder }) => {
      if (!isPlaceholder) return text;
      const id = given[text];
      if (id === undefined || !ID.test(id)) {
        throw new ResourceNameError(
          'invalid-resource-id',
          `The ${text} id must be 1 to 63 characters of a-z, 0-9 and "-".`,
          { field: text },
        );
      }
      return id;
    })
    .join('/');
}

function compile(pattern: ResourcePattern): readonly Segment[] {
  const known = compiled.get(pattern);
  if (known !== undefined) return known;
  const segments = pattern.split('/').map((segment) => {
    if (!PATTERN_SEGMENT.test(segment)) throw new TypeError(`Malformed resource pattern: ${pattern}`);
    const isPlaceholder = segment.startsWith('{');
    return { isPlaceholder, text: isPlaceholder ? segment.slice(1, -1) : segment };
  });
  const placeholders = segments.filter((segment) => segment.isPlaceholder).map((segment) => segment.text);
  if (new Set(placeholders).size !== placeholders.length) {
    throw new TypeError(`Resource pattern with a placeholder twice: ${pattern}`);
  }
  compiled.set(pattern, segments);
  return segments;
}
