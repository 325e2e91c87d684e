import { closeSync, copyFileSync, fstatSync, ftruncateSync, openSync, readSync, renameSync, rmSync } from 'node:fs';

/** Rotated files kept beside the current one. */
const KEPT_FILES = 3;
/** Default bound of one file in bytes. */
const DEFAULT_MAX_BYTES = 16 * 1024 * 1024;
const CHECK_INTERVAL_MS = 5_000;
/** How much of the end is searched for the last lines. */
const TAIL_BYTES = 8 * 1024;

/** What a {@link LogFile} is opened with. */
export interface LogFileOptions {
  readonly path: string;
  /** Size in bytes above which the file is rotated; checked every 5 seconds. Default 16 MiB. */
  readonly maxBytes?: number;
}

/**
 * The log of one process, written by that process itself through an inherited descriptor: it loses nothing when the
 * process that started it dies, and costs that one no copying.
 *
 * Opening rotates (`x.log` becomes `x.log.1`, up to `x.log.3`). While open, a file above its bound is copied to `x.log.1`
 * and emptied; what is written in that moment can be lost.
 */
export class LogFile {
  readonly path: string;
  /** Descriptor in append mode, for the standard output and error of a child process. */
  readonly descriptor: number;
  readonly #maxBytes: number;
  readonly #timer: NodeJS.Timeout;
  #closed = false;

  /** @throws the file system's error when the folder is missing or not writable. */
  constructor(options: LogFileOptions) {
    this.path = options.path;
    this.#maxBytes = options.maxBytes ?? DEFAULT_MAX_BYTES;
    shiftOlderFiles(this.path);
    renameIfThere(this.path, `${this.path}.1`);
    this.descriptor = openSync(this.path, 'a+', 0o600);
    this.#timer = setInterval(() => this.rotateWhenLarge(), CHECK_INTERVAL_MS).unref();
  }

  /** Copies and empties the file when it is above its bound. Called by a timer as well. */
  rotateWhenLarge(): void {
    if (this.#closed || fstatSync(this.descriptor).size <= this.#maxBytes) return;
    shiftOlderFiles(this.path);
    copyFileSync(this.path, `${this.path}.1`);
    // The writer appends, so its next write lands at the new end.
    ftruncateSync(this.descriptor, 0);
  }

  /** The last lines, oldest first, without empty ones. At most `count`, from the last 8 KiB. */
  lastLines(count: number): readonly string[] {
    if (this.#closed) return [];
    const size = fstatSync(this.descriptor).size;
    const bytes = new Uint8Array(Math.min(size, TAIL_BYTES));
    readSync(this.descriptor, bytes, 0, bytes.length, size - bytes.length);
    const lines = new TextDecoder().decode(bytes).split('\n');
    return lines.filter((line) => line.trim() !== '').slice(-count);
  }

  /** Closes the descriptor; the process that inherited it keeps its own. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#timer);
    closeSync(this.descriptor);
  }
}

function shiftOlderFiles(path: string): void {
  rmSync(`${path}.${KEPT_FILES}`, { force: true });
  for (let index = KEPT_FILES - 1; index >= 1; index--) renameIfThere(`${path}.${index}`, `${path}.${index + 1}`);
}

function renameIfThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
}
