import type { Position, Rollout } from '../rollout.ts';
import type { Millis } from '../units.ts';

/** Where a step is looked at from. */
export type Here = { rollout: Rollout; position: Position; now: Millis };

/** What a step wants: time, a weight, the next step, a person, or the end of the rollout. */
export type StepOutcome =
  | { kind: 'wait' }
  | { kind: 'shift'; share: number }
  | { kind: 'done' }
  | { kind: 'pause' }
  | { kind: 'finish' };
