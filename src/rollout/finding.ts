import type { Facts } from './evidence.ts';
import type { Cause, HoldReason, PauseReason } from './reasons.ts';
import type { Rollout, Watch } from './rollout.ts';
import type { Millis } from './units.ts';

/** What the guards say: go back, ask a person, wait, or nothing against going on. */
export type Finding =
  | { kind: 'rollback'; cause: Cause }
  | { kind: 'pause'; reason: PauseReason }
  | { kind: 'hold'; reason: HoldReason }
  | { kind: 'clear' };

/** What a guard looks at: what is remembered after this poll, and what the turn knows. */
export type Guarded = { rollout: Rollout; watch: Watch; facts: Facts; now: Millis };
