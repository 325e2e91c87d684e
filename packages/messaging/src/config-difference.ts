/**
 * Names of the settings in which what the server has differs from what it was asked for. An old server leaves out what it
 * does not know, without an error.
 */
export function configDifference(wanted: object, actual: object): readonly string[] {
  const found = new Map<string, unknown>(Object.entries(actual));
  return Object.entries(wanted)
    .filter(([name, value]) => JSON.stringify(found.get(name)) !== JSON.stringify(value))
    .map(([name]) => name);
}
