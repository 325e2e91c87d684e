import { formatResourceName, parseResourceName } from '@cert-tasks/kernel';
import type { KeyName } from './key.ts';

const KEY = 'projects/{project}/keys/{key}';
const PROJECT = 'projects/{project}';

/** The key that a resource name names, or undefined where the text is not such a name. */
export function parseKeyName(name: string): KeyName | undefined {
  return parseResourceName(name, KEY);
}

/** `projects/{project}/keys/{key}`. */
export function formatKeyName(name: KeyName): string {
  return formatResourceName(KEY, { project: name.project, key: name.key });
}

/** The project that `projects/{project}` names, or undefined. */
export function parseProjectName(name: string): string | undefined {
  return parseResourceName(name, PROJECT)?.project;
}
