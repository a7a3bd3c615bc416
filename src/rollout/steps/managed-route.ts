import { isManagedApplied } from '../managed.ts';
import { isSameRoutes } from '../managed-route.ts';
import { afterStep, type RouteStep } from '../route-steps.ts';
import type { Here, StepOutcome } from './outcome.ts';

/** Asks for the managed route, or for its absence, until it was read back. */
export function managedRoute(step: RouteStep, { rollout }: Here): StepOutcome {
  const { traffic } = rollout;
  const managed = afterStep(traffic.managed.desired, step);
  const isThere =
    traffic.intent === null && isManagedApplied(traffic) && isSameRoutes(traffic.managed.desired, managed);
  return isThere ? { kind: 'done' } : { kind: 'shift', share: traffic.desired, managed };
}
