import type { AuditEvent, AuditFacts, AuditType } from './audit.ts';
import { type Actor, canaryd, hasEnded, type Rollout, type State } from './rollout.ts';
import { sentence } from './say.ts';
import { isSameShare, type Millis } from './units.ts';

/** A weight to write now. `end` writes the weights in the form that they keep after the rollout. */
export type PlannedWrite = { share: number; end: boolean };

/** What was decided: the next state, what to write down, what to write to the mesh, and when to look again. */
export type Decision = {
  rollout: Rollout;
  events: AuditEvent[];
  write: PlannedWrite | null;
  /** Null once the rollout has ended. */
  nextAt: Millis | null;
};

/** Changes a rollout's state. */
export function inState(rollout: Rollout, state: State): Rollout {
  return { ...rollout, state };
}

/** An audit event by canaryd itself, unless `actor` names a person. */
export function event(
  type: AuditType,
  message: string,
  facts: AuditFacts = {},
  actor: Actor = canaryd,
): AuditEvent {
  return { type, actor, message: sentence(message), facts };
}

/**
 * Closes a decision: the revision rises when state, step or desired weight changed, an intent is opened for every
 * write, and a quiet turn gets its next poll.
 */
export function decided(
  before: Rollout,
  after: Rollout,
  parts: Partial<Omit<Decision, 'rollout'>> = {},
): Decision {
  const write = parts.write ?? null;
  const traffic = write === null ? after.traffic : intending(before, after, write);
  const rollout = { ...after, traffic };
  return {
    rollout: { ...rollout, revision: before.revision + (isRevised(before, rollout) ? 1 : 0) },
    events: parts.events ?? [],
    write,
    nextAt: hasEnded(rollout) ? null : (parts.nextAt ?? rollout.nextPollAt),
  };
}

function intending({ traffic }: Rollout, after: Rollout, write: PlannedWrite): Rollout['traffic'] {
  const isAgain = traffic.intent !== null && isSameShare(traffic.intent.share, write.share);
  const attempts = isAgain && traffic.intent !== null ? traffic.intent.attempts + 1 : 1;
  return { ...after.traffic, desired: write.share, intent: { ...write, attempts } };
}

function isRevised(before: Rollout, after: Rollout): boolean {
  return (
    before.plan !== after.plan ||
    before.state.kind !== after.state.kind ||
    before.traffic.desired !== after.traffic.desired ||
    stepOf(before.state) !== stepOf(after.state)
  );
}

function stepOf(state: State): number | null {
  return 'position' in state ? state.position.step : null;
}
