/** What the inside of a service looks like. No answer to a caller has any of it. */
const INSIDES: readonly { readonly what: string; readonly pattern: RegExp }[] = [
  {
    what: 'SQL',
    pattern: /\b(?:select|insert into|update|delete from)\b[^.]*\b(?:from|values|set|where)\b|\bSQLSTATE\b/i,
  },
  {
    what: 'the database',
    pattern: /\bpostgres|\bpg_|\brelation "|\bcolumn "|violates .* constraint|\bduplicate key\b/i,
  },
  { what: 'a stack', pattern: /^\s+at .+:\d+:\d+\)?$/m },
  {
    what: 'a path',
    pattern: /(?:^|[\s"'(])\/(?:work|home|root|tmp|usr|var|opt|etc)\/|node_modules|\.(?:ts|mjs|cjs|js):\d+|file:\/\//,
  },
  { what: 'key material', pattern: /-----BEGIN|\bPRIVATE KEY\b/ },
  { what: 'a token', pattern: /\beyJ[A-Za-z0-9_-]{10,}\.eyJ/ },
];

/**
 * What in an answer is not its caller's to know: our insides, and words from `secrets`. What the caller said itself may come back.
 */
export function findLeaks(input: { text: string; sent: string; secrets: readonly string[] }): readonly string[] {
  const { text, sent, secrets } = input;
  const insides = INSIDES.filter(({ pattern }) => pattern.test(text)).map(({ what }) => what);
  const told = secrets.filter((secret) => text.includes(secret) && !sent.includes(secret));
  return [...insides, ...told.map((secret) => `the words ${secret}`)];
}
