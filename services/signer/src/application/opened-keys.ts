import { SignerError } from '../domain/errors.ts';
import type { Key, KeyName } from '../domain/key.ts';
import { formatKeyName } from '../domain/key-name.ts';
import { keyIdentity } from './key-identity.ts';
import type { KeyBackend, OpenedKey } from './ports/key-backend.ts';
import type { StoredKey } from './ports/key-store.ts';
import type { UnitOfWork } from './ports/unit-of-work.ts';

/** What came of looking for a key to sign with. */
export type KeyLookup =
  | { readonly state: 'usable'; readonly key: Key; readonly opened: OpenedKey }
  | { readonly state: 'disabled'; readonly key: Key }
  | { readonly state: 'missing' }
  /** It is there but did not open, or could not be read. */
  | { readonly state: 'failed'; readonly error: unknown };

/** Options of {@link OpenedKeys}. */
export interface OpenedKeysOptions {
  readonly work: UnitOfWork;
  readonly backend: KeyBackend;
  /** Most keys that are kept open. */
  readonly maxKeys: number;
  /** Milliseconds that a key is kept open at most. */
  readonly maxAgeMs: number;
  /** A clock that only goes forward, in milliseconds. */
  readonly elapsedMs: () => number;
}

interface Kept {
  readonly lookup: KeyLookup & { readonly state: 'usable' };
  readonly openedAt: number;
}

const MISSING: KeyLookup = { state: 'missing' };

/**
 * Keys that are open, for a bounded time and a bounded count, least recently used out first.
 *
 * What is kept never decides whether a key may sign: the ledger's statement asks the key's row each time. A key's id and
 * policy never change and a name is never used again, so nothing kept can be wrong about them. Keys that are disabled,
 * missing or failed are looked up anew each time.
 */
export class OpenedKeys {
  readonly #options: OpenedKeysOptions;
  /** In order of last use, the oldest first. */
  readonly #kept = new Map<string, Kept>();
  /** Lookups under way, so that a crowd waits for one opening. */
  readonly #pending = new Map<string, Promise<KeyLookup>>();

  constructor(options: OpenedKeysOptions) {
    this.#options = options;
  }

  /** How many keys are open. */
  get size(): number {
    return this.#kept.size;
  }

  /** The keys by their full names. Names that are not kept are read in one query. */
  async get(names: readonly KeyName[]): Promise<ReadonlyMap<string, KeyLookup>> {
    const wanted = new Map(names.map((name) => [formatKeyName(name), name]));
    const missing = [...wanted].filter(([text]) => !this.#isKept(text) && !this.#pending.has(text));
    if (missing.length > 0) this.#startLoading(missing.map(([text, name]) => ({ text, name })));
    const found = [...wanted.keys()].map(async (text) => [text, await this.#lookup(text)] as const);
    return new Map(await Promise.all(found));
  }

  /** One key. */
  async getOne(name: KeyName): Promise<KeyLookup> {
    return (await this.get([name])).get(formatKeyName(name)) ?? MISSING;
  }

  /** Lets go of a key. A signature that is being made with it is still finished. */
  drop(name: KeyName): void {
    this.#kept.delete(formatKeyName(name));
  }

  /** Lets go of keys that are past their age, wanted or not. */
  dropExpired(): void {
    for (const text of [...this.#kept.keys()]) this.#isKept(text);
  }

  #isKept(text: string): boolean {
    const kept = this.#kept.get(text);
    if (kept === undefined) return false;
    if (this.#options.elapsedMs() - kept.openedAt < this.#options.maxAgeMs) return true;
    this.#kept.delete(text);
    return false;
  }

  async #lookup(text: string): Promise<KeyLookup> {
    const kept = this.#kept.get(text);
    if (kept === undefined) return (await this.#pending.get(text)) ?? MISSING;
    this.#kept.delete(text);
    this.#kept.set(text, kept);
    return kept.lookup;
  }

  #startLoading(wanted: readonly { readonly text: string; readonly name: KeyName }[]): void {
    const loading = this.#load(wanted.map(({ name }) => name));
    for (const { text } of wanted) {
      const lookup = loading.then((loaded) => loaded.get(text) ?? MISSING);
      const settled = lookup.finally(() => this.#pending.delete(text));
      this.#pending.set(text, settled);
    }
  }

  async #load(names: readonly KeyName[]): Promise<ReadonlyMap<string, KeyLookup>> {
    try {
      const stored = await this.#options.work.read('find-keys', ({ keys }) => keys.findStored(names));
      const lookups = stored.map(async (one) => [formatKeyName(one.key.name), await this.#open(one)] as const);
      return new Map(await Promise.all(lookups));
    } catch (error) {
      // A row that makes no sense must not keep the other keys of a batch from being used.
      if (error instanceof SignerError && names.length > 1) return this.#loadEach(names);
      return new Map(names.map((name) => [formatKeyName(name), { state: 'failed', error }]));
    }
  }

  async #loadEach(names: readonly KeyName[]): Promise<ReadonlyMap<string, KeyLookup>> {
    const loaded = await Promise.all(names.map((name) => this.#load([name])));
    return new Map(loaded.flatMap((one) => [...one]));
  }

  async #open({ key, material }: StoredKey): Promise<KeyLookup> {
    if (key.state === 'disabled') return { state: 'disabled', key };
    try {
      const opened = await this.#options.backend.open({
        identity: keyIdentity(key),
        publicKey: key.publicKey,
        material,
      });
      const lookup = { state: 'usable', key, opened } as const;
      this.#keep(lookup);
      return lookup;
    } catch (error) {
      return { state: 'failed', error };
    }
  }

  #keep(lookup: Kept['lookup']): void {
    this.#kept.set(formatKeyName(lookup.key.name), { lookup, openedAt: this.#options.elapsedMs() });
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= this.#options.maxKeys) return;
      this.#kept.delete(oldest);
    }
  }
}
