import type { WorldStores } from './cert-world.ts';
import { InMemoryAuthorityStore } from './in-memory-authority-store.ts';
import { InMemoryCertificateStore } from './in-memory-certificate-store.ts';
import { InMemoryCrlStore } from './in-memory-crl-store.ts';
import { InMemoryDatabase } from './in-memory-database.ts';
import { InMemoryReconciliationStore } from './in-memory-reconciliation-store.ts';

/** All fakes over one database in memory. */
export function inMemoryStores(): WorldStores & { readonly db: InMemoryDatabase } {
  const db = new InMemoryDatabase();
  return {
    db,
    certificates: new InMemoryCertificateStore(db),
    authorities: new InMemoryAuthorityStore(db),
    crls: new InMemoryCrlStore(db),
    reconciliation: new InMemoryReconciliationStore(db),
    trail: db,
  };
}
