import { holdContract } from '../contract/hold-contract.ts';
import { memoryHolds } from '../fakes/holds.ts';
import { start } from '../fakes/rollouts.ts';

let now = start;
holdContract(async () =>
  memoryHolds(() => {
    now += 1;
    return now;
  }),
);
