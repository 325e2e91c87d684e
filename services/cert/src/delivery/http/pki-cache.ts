/** What is cached of one resource; `undefined` as a body: there is no such resource. */
export interface CachedResource {
  readonly body: Uint8Array | undefined;
  readonly etag: string;
  readonly contentType: string;
  readonly lastModified: Date | undefined;
  /** When what it says is out of date; undefined: never. */
  readonly staleAt: Date | undefined;
}

interface Entry {
  readonly resource: Promise<CachedResource>;
  readonly loadedAtMs: number;
  bytes: number;
}

/**
 * Resources by path, loaded once however many ask, kept for a short time so that other replicas' changes are seen soon.
 * Bounded in number and bytes; the
 * one loaded longest ago makes room.
 */
export class PkiCache {
  readonly #ttlMs: number;
  readonly #maxEntries: number;
  readonly #maxBytes: number;
  readonly #nowMs: () => number;
  /** In order of loading, the oldest first. */
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;

  constructor(options: {
    readonly ttlMs: number;
    readonly maxEntries: number;
    readonly maxBytes: number;
    /** Monotonic. */
    readonly nowMs: () => number;
  }) {
    this.#ttlMs = options.ttlMs;
    this.#maxEntries = options.maxEntries;
    this.#maxBytes = options.maxBytes;
    this.#nowMs = options.nowMs;
  }

  /** The resource, loaded where it is not in memory or has been there too long. A load that fails is not kept. */
  get(path: string, load: () => Promise<CachedResource>): Promise<CachedResource> {
    const nowMs = this.#nowMs();
    const known = this.#entries.get(path);
    if (known !== undefined && nowMs - known.loadedAtMs < this.#ttlMs) return known.resource;
    this.forget(path);
    const entry: Entry = { resource: load(), loadedAtMs: nowMs, bytes: 0 };
    this.#entries.set(path, entry);
    entry.resource.then(
      ({ body }) => this.#weigh(path, { entry, bytes: body?.length ?? 0 }),
      () => {
        if (this.#entries.get(path) === entry) this.forget(path);
      },
    );
    this.#makeRoom();
    return entry.resource;
  }

  /** Drops a resource that has changed. */
  forget(path: string): void {
    const entry = this.#entries.get(path);
    if (entry === undefined) return;
    this.#bytes -= entry.bytes;
    this.#entries.delete(path);
  }

  #weigh(path: string, { entry, bytes }: { entry: Entry; bytes: number }): void {
    if (this.#entries.get(path) !== entry) return;
    entry.bytes = bytes;
    this.#bytes += bytes;
    this.#makeRoom();
  }

  #makeRoom(): void {
    for (const path of this.#entries.keys()) {
      if (this.#entries.size <= this.#maxEntries && this.#bytes <= this.#maxBytes) return;
      this.forget(path);
    }
  }
}
