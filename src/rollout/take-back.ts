import type { Command, Refusal } from './command.ts';
import { turnedBack } from './go-back.ts';
import type { MeshView } from './ports/mesh.ts';
import type { Actor } from './reasons.ts';
import { hasEnded, newRollout, type Rollout, trafficAt } from './rollout.ts';
import * as say from './say.ts';
import { staleView } from './stale-view.ts';
import { withUid } from './target.ts';
import type { Millis } from './units.ts';

type Rollback = Extract<Command, { action: 'rollback' }>;

/** What is known of a succeeded rollout that somebody wants to take back. */
export type Succeeded = {
  rollout: Rollout;
  /** The newest rollout of the same VirtualService that moved traffic or may still move it. */
  newest: Rollout | null;
  view: MeshView;
};

/**
 * Why a succeeded rollout cannot be taken back by weights, or null. A mesh that cannot be read is no reason: going back
 * is tried until it is done.
 */
export function refusedTakeBack({ rollout, newest, view }: Succeeded, command: Rollback): Refusal | null {
  const stale = staleView(rollout, command);
  if (stale !== null) return stale;
  if (rollout.plan.onSuccess === 'handover') {
    const { stable } = rollout.target;
    const message = `${stable.version} (stable) runs the images of this release, so weights bring nobody back. Type: ${say.undo(rollout)}`;
    return { code: 'no-way-back', message };
  }
  if (newest !== null && newest.id !== rollout.id) return overtaken(newest);
  if (view.kind !== 'split') return null;
  const { canary, stable } = rollout.target;
  if (!view.hasStable) {
    const message = `The route has no destination ${stable.version} any more, so traffic cannot go back to it. Add it with weight 0 and send this again.`;
    return { code: 'invalid-transition', message };
  }
  if (view.canaryShare > 0) return null;
  const message = `${canary.version} has no traffic now, so there is nothing to take back.`;
  return { code: 'invalid-transition', message };
}

function overtaken(newest: Rollout): Refusal {
  const mend = hasEnded(newest) ? 'Roll that one back instead.' : 'Roll that one back first.';
  const message = `A later rollout, ${newest.id}, has moved traffic since. ${mend}`;
  return { code: 'invalid-transition', message };
}

/**
 * The rollout that takes a succeeded one back: the same target and roles, all traffic on the canary, and on its way back
 * from its first moment. A terminal state never reopens.
 */
export function takingBack(
  { rollout, view }: Succeeded,
  asked: { id: string; reason: string | null; by: Actor; now: Millis },
): ReturnType<typeof turnedBack> {
  const { id, reason, by, now } = asked;
  const share = view.kind === 'split' ? view.canaryShare : rollout.traffic.applied;
  const { plan, planVersion, scrapeSeconds, identity } = rollout;
  const target = view.kind === 'split' ? withUid(rollout.target, view.uid) : rollout.target;
  const fresh = newRollout({ id, target, plan, planVersion, requestedBy: by, reason }, scrapeSeconds, now);
  return turnedBack(
    { ...fresh, traffic: trafficAt(share, now), identity, rollbackOf: rollout.id },
    { kind: 'operator', reason },
    by,
    now,
  );
}
