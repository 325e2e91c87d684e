import { describeUnitOfWork } from '../../test/unit-of-work.contract.ts';
import { InMemoryUnitOfWork } from './in-memory-unit-of-work.ts';

describeUnitOfWork('in memory', () => new InMemoryUnitOfWork(() => new Date()));
