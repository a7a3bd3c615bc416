import type { Position, Rollout } from '../rollout.ts';
import { stepAt } from '../rollout.ts';
import type { Millis } from '../units.ts';
import { bake } from './bake.ts';
import { pause } from './pause.ts';
import { promote } from './promote.ts';
import { setWeight } from './set-weight.ts';

/** Where a step is looked at from. */
export type Here = { rollout: Rollout; position: Position; now: Millis };

/** What a step wants: time, a weight, the next step, a person, or the end of the rollout. */
export type StepOutcome =
  | { kind: 'wait' }
  | { kind: 'shift'; share: number }
  | { kind: 'done' }
  | { kind: 'pause' }
  | { kind: 'finish' };

/** Asks the step a rollout stands at what it wants; called only while nothing holds the rollout. */
export function takeStep(here: Here): StepOutcome {
  const step = stepAt(here.rollout, here.position);
  switch (step.type) {
    case 'setWeight':
      return setWeight(step, here);
    case 'bake':
      return bake(step, here);
    case 'pause':
      return pause(step, here);
    case 'promote':
      return promote(step, here);
  }
}
