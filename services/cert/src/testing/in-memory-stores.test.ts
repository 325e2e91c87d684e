import { describeStores } from '../../test/stores.contract.ts';
import { inMemoryStores } from './in-memory-stores.ts';

describeStores('stores in memory', async () => {
  const stores = inMemoryStores();
  return {
    stores,
    events: async (subject) => stores.db.events.filter((event) => event.subject === subject).map(({ type }) => type),
  };
});
