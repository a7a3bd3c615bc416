import type { ManagedRoute } from '../managed-route.ts';
import type { Rollout } from '../rollout.ts';
import type { Position } from '../state.ts';
import type { Millis } from '../units.ts';

/** Where a step is looked at from. */
export type Here = { rollout: Rollout; position: Position; now: Millis };

/** What a step wants: time, a weight, the next step, a person, the end of the rollout, or what follows it. */
export type StepOutcome =
  | { kind: 'wait' }
  /** `managed` when the step asks for other managed routes than those that are desired now. */
  | { kind: 'shift'; share: number; managed?: ManagedRoute[] }
  | { kind: 'done' }
  | { kind: 'pause' }
  | { kind: 'approve' }
  | { kind: 'handOver' }
  | { kind: 'finish' };
