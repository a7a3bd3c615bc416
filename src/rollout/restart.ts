import type { AuditEvent } from './audit.ts';
import { event } from './decision.ts';
import { changeSince } from './identity.ts';
import type { MeshView } from './ports/mesh.ts';
import type { Rollout } from './rollout.ts';
import type { Millis } from './units.ts';

/**
 * The canary was redeployed with the same images: what it showed at this weight counts no more and is watched anew,
 * and the weight stays. Failing measurements are kept, so that no restart saves a failing canary.
 */
export function afterRestart(
  rollout: Rollout,
  view: MeshView,
  now: Millis,
): { rollout: Rollout; events: AuditEvent[] } {
  const change = view.kind === 'split' ? changeSince(rollout.identity, view.images.canary) : null;
  if (change?.kind !== 'restarted') return { rollout, events: [] };
  const { state, traffic } = rollout;
  const restarted = { ...rollout, identity: change.identity, traffic: { ...traffic, appliedAt: now } };
  const message = `${rollout.target.canary.version} was restarted with the same images: this step's evidence counts no more, and its bake begins anew`;
  const events = [event('canary.restarted', message)];
  if (!('position' in state)) return { rollout: restarted, events };
  // The clock of a step stands still from `since` on, so that is when its bake begins anew.
  const position = { ...state.position, startedAt: 'since' in state ? state.since : now };
  return { rollout: { ...restarted, state: { ...state, position } }, events };
}
