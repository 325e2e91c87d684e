export type { Breach } from './breach.ts';
export { type FsckOptions, fsck } from './fsck.ts';
