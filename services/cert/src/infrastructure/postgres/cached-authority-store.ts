import type { AuthorityStore } from '../../application/ports/authority-store.ts';
import { type ActiveAuthority, type Authority, isActive } from '../../domain/authority.ts';

/**
 * Bounds how long another replica's change goes unseen. What is kept does not change but for rare acts of operators.
 */
const TTL_MS = 1_000;
const MAX_CACHED = 1_000;

interface Entry {
  readonly authority: ActiveAuthority;
  readonly loadedAtMs: number;
}

/**
 * Keeps authorities that issue in memory for a moment: every issuance and most reads need one, and the same few. Only
 * active ones are kept, so nobody who waits
 * for one to come into being is held up. Writes go through.
 */
export class CachedAuthorityStore implements AuthorityStore {
  readonly #store: AuthorityStore;
  readonly #nowMs: () => number;
  /** By uid, by name and by the project that they are the default of; the oldest first. */
  readonly #entries = new Map<string, Entry>();

  /** @param deps.nowMs monotonic. */
  constructor(deps: { readonly store: AuthorityStore; readonly nowMs: () => number }) {
    this.#store = deps.store;
    this.#nowMs = deps.nowMs;
  }

  find(key: { project: string; id: string }): Promise<Authority | undefined> {
    return this.#through(`name ${key.project}/${key.id}`, () => this.#store.find(key));
  }

  findByUid(uid: string): Promise<Authority | undefined> {
    return this.#through(`uid ${uid}`, () => this.#store.findByUid(uid));
  }

  async findDefault(input: { project: string; now: Date }): Promise<ActiveAuthority | undefined> {
    const found = await this.#through(`default ${input.project}`, () => this.#store.findDefault(input));
    if (found === undefined || !isActive(found)) return undefined;
    return found.notAfter.getTime() > input.now.getTime() ? found : this.#store.findDefault(input);
  }

  record(...args: Parameters<AuthorityStore['record']>): ReturnType<AuthorityStore['record']> {
    return this.#store.record(...args);
  }

  setKey(...args: Parameters<AuthorityStore['setKey']>): Promise<boolean> {
    return this.#store.setKey(...args);
  }

  recordCertificateIntent(...args: Parameters<AuthorityStore['recordCertificateIntent']>): Promise<boolean> {
    return this.#store.recordCertificateIntent(...args);
  }

  activate(...args: Parameters<AuthorityStore['activate']>): Promise<boolean> {
    return this.#store.activate(...args);
  }

  dropCertificateIntent(...args: Parameters<AuthorityStore['dropCertificateIntent']>): Promise<void> {
    return this.#store.dropCertificateIntent(...args);
  }

  list(...args: Parameters<AuthorityStore['list']>): Promise<readonly Authority[]> {
    return this.#store.list(...args);
  }

  listUnfinished(...args: Parameters<AuthorityStore['listUnfinished']>): Promise<readonly Authority[]> {
    return this.#store.listUnfinished(...args);
  }

  async #through(key: string, load: () => Promise<Authority | undefined>): Promise<Authority | undefined> {
    const nowMs = this.#nowMs();
    const known = this.#entries.get(key);
    if (known !== undefined && nowMs - known.loadedAtMs < TTL_MS) return known.authority;
    const found = await load();
    this.#entries.delete(key);
    if (found === undefined || !isActive(found)) return found;
    const [oldest] = this.#entries.keys();
    if (this.#entries.size >= MAX_CACHED && oldest !== undefined) this.#entries.delete(oldest);
    // The same authority as before, so that what hangs on it (its parsed key, its chain in PEM) stays.
    const authority = known?.authority.version === found.version ? known.authority : found;
    this.#entries.set(key, { authority, loadedAtMs: nowMs });
    return authority;
  }
}
