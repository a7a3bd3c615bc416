import type { AuditEvent } from './audit.ts';
import type { Refusal } from './command.ts';
import { type Decision, decided, revised } from './decision.ts';
import type { Rollout } from './rollout.ts';
import { type Position, resumedPosition } from './state.ts';
import type { Millis } from './units.ts';
import { deadlineAfterWait } from './wait.ts';
import type { Running } from './walk.ts';

/** A command that was obeyed, or why it was not. */
export type Obedience =
  | { kind: 'obeyed'; decision: Decision }
  /** It is so already: nothing to write, and above all no running turn to disturb. */
  | { kind: 'obeyedBefore' }
  | { kind: 'refused'; refusal: Refusal };

/** The decision that a command makes; the turn that follows at once moves the weight. */
export function obeyed(before: Rollout, after: Rollout, events: AuditEvent[], now: Millis): Obedience {
  return { kind: 'obeyed', decision: revised(before, decided(after, { events, nextAt: now })) };
}

/** The command is not carried out, and why. */
export function refused(refusal: Refusal): Obedience {
  return { kind: 'refused', refusal };
}

/** The same rollout on its way again, with its clocks moved on by the time that it stood still. */
export function ontoRunning(rollout: Rollout, now: Millis): Running {
  const position = heldPosition(rollout, now);
  return { ...rollout, deadlineAt: deadlineAfterWait(rollout, now), state: { kind: 'running', position } };
}

/** Where it stands in its plan, with the step's clock moved on. */
export function heldPosition({ state, createdAt }: Rollout, now: Millis): Position {
  if ('position' in state) return resumedPosition(state, now);
  return { step: 0, startedAt: createdAt, overridden: false, bakeEnded: false };
}
