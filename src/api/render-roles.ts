import { hasEnded, isScheduled, type Rollout, type StoredRollout } from '../rollout/rollout.ts';
import type { ScheduledRollout } from '../rollout/scheduled.ts';
import type { Millis } from '../rollout/units.ts';
import { renderApproval } from './approval-wire.ts';
import type { RolloutOnWire } from './wire.ts';
import { timestamp } from './wire-parts.ts';

type Roles = Pick<
  RolloutOnWire,
  'target' | 'versions' | 'weight' | 'startAt' | 'deadlineAt' | 'approvals' | 'rollbackOf'
>;

/** What a rollout has once its turn has come, and what stands in its place before. */
export function renderRoles(rollout: StoredRollout): Roles {
  const base = {
    target: renderTarget(rollout),
    versions: renderVersions(rollout),
    weight: renderWeight(rollout),
  };
  if (isScheduled(rollout)) {
    const startAt = instant(rollout.startAt);
    return { ...base, startAt, deadlineAt: null, approvals: [], rollbackOf: null };
  }
  return {
    ...base,
    startAt: instant(rollout.schedule?.startAt ?? null),
    deadlineAt: timestamp(rollout.deadlineAt),
    approvals: rollout.approvals.map((approval) => renderApproval(rollout.id, approval)),
    rollbackOf: rollout.rollbackOf,
  };
}

/** A target as callers see it; the one route without a name has none. */
export function renderTarget(rollout: StoredRollout): RolloutOnWire['target'] {
  return isScheduled(rollout) ? named(rollout) : resolved(rollout);
}

function resolved({ target }: Rollout): RolloutOnWire['target'] {
  return { ...target, route: target.route === '' ? null : target.route };
}

function named({ target }: ScheduledRollout): RolloutOnWire['target'] {
  const { cluster, namespace, virtualService, route = null } = target;
  return { cluster, namespace, virtualService, route, stable: null, canary: null };
}

/** Which version is taken to which; null until the roles are given. */
export function renderVersions(rollout: StoredRollout): RolloutOnWire['versions'] {
  if (isScheduled(rollout)) return null;
  const { stable, canary } = rollout.target;
  return { stable: stable.version, canary: canary.version };
}

/** The three weights: asked for, read back, and what the requests show, rounded to 0.1; null until its turn comes. */
export function renderWeight(rollout: StoredRollout): RolloutOnWire['weight'] {
  if (isScheduled(rollout)) return null;
  const { traffic, watch } = rollout;
  // What was seen last says nothing about a rollout that has ended.
  const seen = hasEnded(rollout) ? null : watch.observed;
  const observed = seen === null ? null : Math.round(seen * 10) / 10;
  return { desired: traffic.desired, applied: traffic.applied, observed };
}

function instant(at: Millis | null): string | null {
  return at === null ? null : timestamp(at);
}
