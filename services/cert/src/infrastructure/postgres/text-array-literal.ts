/** A `text[]` in PostgreSQL's own notation (manual, 8.15.6), for a list within a list, which parameters do not have. */
export function textArrayLiteral(values: readonly string[]): string {
  return `{${values.map((value) => `"${value.replaceAll(/["\\]/g, '\\$&')}"`).join(',')}}`;
}
