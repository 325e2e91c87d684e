import { logContract } from '../../test/log.contract.ts';
import { InMemoryLog } from './in-memory-log.ts';

logContract(async () => {
  const log = new InMemoryLog();
  return {
    work: log,
    reader: log,
    checkpoints: log.checkpoints,
    right: { fence: log.fence },
    checkpointRight: { fence: log.fence },
    told: async () => log.told.map(({ type, reason, subject }) => ({ type, reason, subject })),
    conflictCount: async () => log.conflicts.length,
  };
});
