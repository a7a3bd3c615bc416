import { describe } from 'vitest';
import { planContract } from '../contract/plan-contract.ts';
import { targetContract } from '../contract/target-contract.ts';
import { memoryPlans } from '../fakes/plans.ts';
import { start } from '../fakes/rollouts.ts';
import { memoryTargets } from '../fakes/targets.ts';

describe('plans and targets in memory', () => {
  planContract(async () => memoryPlans(() => start));
  targetContract(async (rollouts) => memoryTargets(rollouts));
});
