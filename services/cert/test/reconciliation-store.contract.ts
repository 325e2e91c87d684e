import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { type ContractFixture, contractRows } from './contract-fixture.ts';

/** What every ReconciliationStore promises. */
export function reconciliationStoreContract(fixture: () => ContractFixture): void {
  describe('reconciliation', () => {
    let tested: ContractFixture['tested'];
    beforeAll(() => {
      ({ tested } = fixture());
    });
    const { intent, record, issue } = contractRows(fixture);
    it('knows the fate and the bytes of intents, and only moves on', async () => {
      const certificate = await issue();
      const pending = intent();
      await record(pending);
      const unknown = randomUUID();
      const facts = await tested.stores.reconciliation.facts([certificate.id, pending.id, unknown]);
      const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new Uint8Array(certificate.tbs)));
      expect(facts.get(certificate.id)).toEqual({ intentId: certificate.id, state: 'issued', tbsSha256: digest });
      expect(facts.get(pending.id)?.state).toBe('pending');
      expect(facts.has(unknown)).toBe(false);
      await tested.stores.reconciliation.advance(5n);
      await tested.stores.reconciliation.advance(3n);
      expect(await tested.stores.reconciliation.position()).toBe(5n);
    });
  });
}
