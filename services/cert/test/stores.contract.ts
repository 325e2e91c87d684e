import { authorityStoreContract } from './authority-store.contract.ts';
import { certificateStoreContract } from './certificate-store.contract.ts';
import { describeOver, type StoresUnderTest } from './contract-fixture.ts';
import { crlStoreContract } from './crl-store.contract.ts';
import { reconciliationStoreContract } from './reconciliation-store.contract.ts';

/** The contract of cert's stores: fakes and PostgreSQL are held to it alike. */
export function describeStores(name: string, open: () => Promise<StoresUnderTest>): void {
  describeOver(name, {
    open,
    suites: [certificateStoreContract, authorityStoreContract, crlStoreContract, reconciliationStoreContract],
  });
}
