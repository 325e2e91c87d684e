export type { Breach } from './breach.ts';
export type { CheckInput, Snapshot } from './check.ts';
export { fsck, withDatabase } from './fsck.ts';
