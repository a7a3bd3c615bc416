import type { Measurements } from '../analysis/reading.ts';
import type { PlannedWrite } from './decision.ts';
import type { Facts } from './evidence.ts';
import { isPreviewed } from './managed.ts';
import type { Plan } from './plan.ts';
import type { Heard } from './ports/alerts.ts';
import type { MeshView, SplitView } from './ports/mesh.ts';
import type { HoldOrder } from './ports/store.ts';
import type { ReadinessReport } from './readiness-report.ts';
import type { Rollout } from './rollout.ts';
import { lowestIn } from './several.ts';
import type { Millis, Share } from './units.ts';

/** What a turn saw. `measurements` is null when no poll was due; `epoch` is the turn's own fencing token. */
export type Sight = {
  view: MeshView;
  measurements: Measurements | null;
  epoch: number;
  /** A hold order, when the rollout lies in its scope. */
  order: HoldOrder | null;
  /** What the mesh around the target says; null or absent when nobody asked. */
  readiness?: ReadinessReport | null;
  /** What was heard of alerts with this poll; null or absent when nobody listened. */
  alerts?: Heard | null;
};

/** What the guards get to see of a turn; while the mesh cannot be read, the share that the canary may have counts. */
export function factsOf(
  rollout: Rollout,
  { view, measurements, alerts = null }: Pick<Sight, 'view' | 'measurements' | 'alerts'>,
): Facts {
  const known = { isPreviewed: isPreviewed(rollout), measurements, alerts };
  if (view.kind !== 'split') {
    const readiness = view.readable?.readiness ?? null;
    const untold = { stableHasOtherRoutes: false, canaryHasOtherRoutes: false, isUneven: false };
    return { ...known, ...untold, share: possibleShare(rollout), readiness };
  }
  const { canaryShare: share, lowestShare, readiness, stableHasOtherRoutes, canaryHasOtherRoutes } = view;
  const isUneven = lowestShare !== undefined;
  return { ...known, share, readiness, stableHasOtherRoutes, canaryHasOtherRoutes, isUneven };
}

/** The most that the canary may have: a write whose answer was lost may have landed. */
function possibleShare({ traffic }: Rollout): Share {
  return Math.max(traffic.applied, traffic.intent?.share ?? 0);
}

/** True when the canary may serve anybody: by its weight, or by a managed route. */
export function isExposed(rollout: Rollout): boolean {
  return possibleShare(rollout) > 0 || isPreviewed(rollout);
}

/** False when stable could not take all users: its destination is gone, or none of its pods is ready. */
export function canTakeAll({ hasStable, readiness: { stable } }: SplitView): boolean {
  return hasStable && !(stable.kind === 'known' && stable.ready === 0);
}

/** When the next poll is due; polls keep their rhythm unless one was missed, or came to an instant that was judged. */
export function pollAfter(rollout: Rollout, now: Millis): Millis {
  const { nextPollAt, plan } = rollout;
  if (now < nextPollAt) return nextPollAt;
  if (!isNews(rollout, now)) return pollInstant(plan, now) + gridMs(plan);
  const next = nextPollAt + plan.interval * 1000;
  return next > now ? next : now + plan.interval * 1000;
}

/** Polls that are at least this far apart share their instants at a grid of two seconds, all others of one. */
const unhurriedSeconds = 10;

/**
 * The instant that a poll at `now` is evaluated at: a little before it, on a grid, so that polls of several rollouts
 * can be one question. No second of requests is lost: the next poll goes on where this one ended.
 */
export function pollInstant(plan: Rhythm, now: Millis): Millis {
  return now - (now % gridMs(plan));
}

type Rhythm = Pick<Plan, 'interval'>;

function gridMs({ interval }: Rhythm): number {
  return interval >= unhurriedSeconds ? 2000 : 1000;
}

/**
 * True when no check was judged at this poll's instant yet: a late poll leaves the next one little time, and one instant
 * must not count as two failures.
 */
export function isNews({ plan, watch }: Rollout, now: Millis): boolean {
  const instant = pollInstant(plan, now);
  return Object.values(watch.results).every(({ at }) => at < instant);
}

/**
 * The write that a turn without a weight of its own still owes: an open intent may belong to a stopped worker whose
 * patch is still on its way, and only a write on top of what was read makes that patch stale. Routes that stand at
 * different shares are evened out downward: nothing is raised by it.
 */
export function closingWrite({ traffic }: Rollout, view: SplitView): PlannedWrite | null {
  return traffic.intent === null ? null : { share: lowestIn(view), end: false };
}
