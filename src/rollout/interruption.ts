import type { AuditEvent } from './audit.ts';
import { event } from './decision.ts';
import type { MeshView, ShapeFault, SplitView } from './ports/mesh.ts';
import type { PauseReason } from './reasons.ts';
import type { Rollout } from './rollout.ts';
import * as say from './say.ts';
import { isSameShare, type Millis } from './units.ts';

/** What somebody else did to the split that only a person can judge; null when it is as we left it. */
export function interruptionIn({ target, traffic }: Rollout, view: SplitView): PauseReason | null {
  if (view.foreign !== null) return reshaped(view.foreign);
  if (view.uid !== target.uid) return { kind: 'recreated', uid: view.uid };
  const isOurs =
    isSameShare(view.canaryShare, traffic.applied) ||
    (traffic.intent !== null && isSameShare(view.canaryShare, traffic.intent.share));
  return isOurs ? null : { kind: 'drift', expected: traffic.desired, found: view.canaryShare };
}

/** The object has a form that is not understood any more. */
export function reshaped({ path, message }: ShapeFault): PauseReason {
  return { kind: 'shapeChanged', why: `${path}: ${message}` };
}

/** The share as found becomes the one read back, so that people are told where traffic is. */
export function asFound(rollout: Rollout, view: MeshView, now: Millis): Rollout {
  if (view.kind !== 'split' || isSameShare(view.canaryShare, rollout.traffic.applied)) return rollout;
  return { ...rollout, traffic: { ...rollout.traffic, applied: view.canaryShare, appliedAt: now } };
}

/** The audit events of a rollout that somebody else interrupted. */
export function interruptedEvents(reason: PauseReason): AuditEvent[] {
  const message = say.pause(reason);
  const drift = reason.kind === 'drift' ? [event('drift.detected', message, { ...reason })] : [];
  return [...drift, event('rollout.paused', message, { reason })];
}
