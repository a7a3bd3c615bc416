import type { AuditEvent } from './audit.ts';
import { routesFound, weightFound } from './decision.ts';
import { isSameNames, withManagedFound } from './managed.ts';
import { isKnownByPart, partsFound } from './parts.ts';
import type { MeshView, SplitView } from './ports/mesh.ts';
import type { Rollout } from './rollout.ts';
import { lowestIn } from './several.ts';
import { strangeRoutes } from './strange-routes.ts';
import { isSameShare, type Millis } from './units.ts';

/** The share and the managed routes as found become those read back, so that people are told where traffic is. */
export function asFound(given: Rollout, view: MeshView, now: Millis): Rollout {
  if (view.kind !== 'split') return given;
  const rollout = withRoutesFound(given, view, now);
  const { traffic } = rollout;
  // What cannot be read may still have what it had.
  const applied = view.gaps === undefined ? view.canaryShare : Math.max(view.canaryShare, traffic.applied);
  const lowest = lowestIn(view);
  const isSame =
    isSameShare(applied, traffic.applied) &&
    isSameShare(lowest, traffic.lowest ?? traffic.applied) &&
    isKnownByPart(traffic, view);
  if (isSame) return rollout;
  const even = { ...evened(traffic), applied, appliedAt: now };
  const found = isSameShare(lowest, applied) ? even : { ...even, lowest };
  return { ...rollout, traffic: partsFound(found, view) };
}

/** Without the lowest of different shares, and what stands where. */
export function evened({
  lowest: _lowest,
  parts: _parts,
  ...traffic
}: Rollout['traffic']): Rollout['traffic'] {
  return traffic;
}

/** With the managed routes as they stand, whoever put them there. */
export function withRoutesFound(
  rollout: Rollout,
  { managedRoutes: applied, changedRoutes: changed }: SplitView,
  now: Millis,
): Rollout {
  const { managed } = rollout.traffic;
  if (isSameNames(applied, managed.applied) && isSameNames(changed, managed.changed ?? [])) return rollout;
  const found = withManagedFound(managed, applied, changed);
  return { ...rollout, traffic: { ...rollout.traffic, appliedAt: now, managed: found } };
}

/**
 * With the managed routes that stand there as those read back, where they are ours: a write whose answer was lost, or that
 * a person's word has fenced, may have put them there, and what they bring has to be watched from then on.
 */
export function routesNoticed(
  given: Rollout,
  view: MeshView,
  now: Millis,
): { rollout: Rollout; events: AuditEvent[] } {
  if (view.kind !== 'split' || strangeRoutes(given.traffic, view) !== null)
    return { rollout: given, events: [] };
  const { intent, managed } = given.traffic;
  // The way forward writes again what did not land; whoever waits has to know.
  const isRetried =
    intent?.managed === true && (given.state.kind === 'running' || given.state.kind === 'holding');
  const changedRoutes = isRetried ? (managed.changed ?? []) : view.changedRoutes;
  const rollout = withRoutesFound(given, { ...view, changedRoutes }, now);
  // The answer of a write that is still open tells it.
  const isTold = rollout === given || intent !== null;
  return { rollout, events: isTold ? [] : [routesFound(rollout)] };
}

/** With a write of what stands there still to be done, so that later ones of others are stale. */
export function rewriting(traffic: Rollout['traffic'], share: number): Rollout['traffic'] {
  return { ...traffic, intent: { share, end: false, attempts: 1, managed: false } };
}

/**
 * As found, and told. A write whose answer was lost, or that a person's word has fenced, may have landed: users were there,
 * and the audit log has to say so.
 */
export function toldAsFound(
  given: Rollout,
  view: MeshView,
  now: Millis,
): { rollout: Rollout; events: AuditEvent[] } {
  const rollout = asFound(given, view, now);
  const wasTold = isSameShare(given.traffic.applied, rollout.traffic.applied);
  const routes = given.traffic.managed === rollout.traffic.managed ? [] : [routesFound(rollout)];
  const weights = wasTold ? [] : [weightFound(given.traffic.applied, rollout)];
  return { rollout, events: [...routes, ...weights] };
}
