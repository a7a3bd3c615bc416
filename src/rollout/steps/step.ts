import { stepAt } from '../rollout.ts';
import { approval } from './approval.ts';
import { bake } from './bake.ts';
import { managedRoute } from './managed-route.ts';
import type { Here, StepOutcome } from './outcome.ts';
import { pause } from './pause.ts';
import { promote } from './promote.ts';
import { setWeight } from './set-weight.ts';

/** Asks the step a rollout stands at what it wants; called only while nothing holds the rollout. */
export function takeStep(here: Here): StepOutcome {
  const step = stepAt(here.rollout, here.position);
  switch (step.type) {
    case 'setWeight':
      return setWeight(step, here);
    case 'setHeaderRoute':
    case 'setMirrorRoute':
      return managedRoute(step, here);
    case 'bake':
      return bake(step, here);
    case 'pause':
      return pause(step, here);
    case 'approval':
      return approval();
    case 'promote':
      return promote(step, here);
  }
}
