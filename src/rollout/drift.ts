import { asFound } from './as-found.ts';
import * as because from './because.ts';
import { type Decision, decided, event, preceded } from './decision.ts';
import { turnBack } from './go-back.ts';
import { interrupt, writeNow } from './interruption.ts';
import { healing } from './mover.ts';
import type { SplitView } from './ports/mesh.ts';
import type { PauseReason } from './reasons.ts';
import type { Rollout } from './rollout.ts';
import * as say from './say.ts';
import { lowestIn } from './several.ts';
import type { Sight } from './sight.ts';
import type { Placed } from './state.ts';
import { isSameShare, type Millis, type Share } from './units.ts';

/** How often a weight is written again, and within which time, before it is left to a person. */
const reassertions = { most: 3, withinMs: 5 * 60_000 } as const;

type DriftReason = Extract<PauseReason, { kind: 'drift' }>;
export type Drifted = { state: Placed; reason: DriftReason; view: SplitView };

/** What the plan says to somebody else's hand on the weights: wait for a person, write them again, or go back. */
export function answerDrift(rollout: Rollout, drifted: Drifted, sight: Sight, now: Millis): Decision {
  return answeredByPlan(rollout, drifted, sight, now) ?? interrupt(rollout, drifted, now);
}

/** The same without the wait for a person; null when the plan leaves it to one. */
export function answeredByPlan(
  rollout: Rollout,
  drifted: Drifted,
  sight: Sight,
  now: Millis,
): Decision | null {
  const { onDrift } = rollout.plan;
  // What a pause says of the facts is what a rollback says of them.
  if (onDrift === 'rollback')
    return turnBack(asFound(rollout, drifted.view, now), drifted.reason, sight, now);
  if (onDrift === 'pause' || !isRaised(rollout, drifted)) return null;
  const lately = rollout.reasserted.filter((at) => now - at < reassertions.withinMs);
  return lately.length < reassertions.most ? reassert(rollout, drifted, lately, now) : null;
}

/** Whoever lowers a canary has a reason: nothing is ever raised again by itself. */
function isRaised(rollout: Rollout, { reason: { expected, found }, view }: Drifted): boolean {
  const [lowest, share] = [lowestIn(view), shareAgain(rollout, expected)];
  const isLowered = lowest < share && !isSameShare(lowest, share);
  return found > expected && !isSameShare(found, expected) && !isLowered;
}

/** A raise that was decided on and not yet written is the next step's business, and a hold order may forbid it. */
function shareAgain({ traffic }: Rollout, expected: Share): Share {
  return Math.min(expected, traffic.applied);
}

function reassert(rollout: Rollout, { reason, view }: Drifted, lately: Millis[], now: Millis): Decision {
  const { expected, found, movedBy, gitOps } = reason;
  const times = lately.length + 1;
  const share = shareAgain(rollout, expected);
  const message = `${because.moved(reason)}; writing ${say.share(share)} again, as the plan says (onDrift: reassert, ${times} of ${reassertions.most} in ${say.seconds(reassertions.withinMs / 1000)})${healing(reason)}`;
  const raised = { ...asFound(rollout, view, now), reasserted: [...lately, now] };
  const decision = decided(raised, writeNow({ share, end: false }, now));
  return preceded(
    [event('drift.detected', message, { expected, found, movedBy, gitOps, onDrift: 'reassert' })],
    decision,
  );
}
