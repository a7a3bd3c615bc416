import type { StoredPlan } from './plan.ts';
import type { PlanFault } from './plan-fault.ts';
import { type Check, isWatched } from './plan-parts.ts';
import { rulesOfOthers } from './rule-checks.ts';
import { objectsOf, type RouteKey, type Target } from './target.ts';

type Judging = Pick<StoredPlan, 'checks' | 'steps' | 'onSuccess'>;

/** Which checks are taken of HTTP requests. */
const isOfHttp = { errorRate: true, p99LatencyMs: true, custom: false } as const satisfies Record<
  Check['metric'],
  boolean
>;

/**
 * What keeps a sound plan from being followed for this target; paths begin at the plan. Envoy counts no HTTP requests on
 * a tls or tcp route (https://istio.io/latest/docs/reference/config/metrics/), so that checks of HTTP see nothing there
 * for ever; and on an http route a plan without checks would look away from what could be seen.
 */
export function misfits(plan: Judging, target: Target): PlanFault[] {
  return [...unjudged(plan, target), ...blindHandover(plan, target), ...rulesOfOthers(plan, target)];
}

/** A handover compares the images of both destinations, and would wait for ever where there are no pods to look at. */
function blindHandover({ onSuccess }: Judging, { stable, canary }: Target): PlanFault[] {
  const arm = [stable, canary].find(({ podLabels }) => podLabels === null);
  if (onSuccess !== 'handover' || arm === undefined) return [];
  const message = `a handover waits until stable runs the canary's images, and behind ${arm.version} are no pods to look at, as its ServiceEntry selects none: write "onSuccess": "keep"`;
  return [{ path: ['onSuccess'], code: 'plan-inconsistent', message }];
}

function unjudged(plan: Judging, target: Target): PlanFault[] {
  const kinds = kindsIn(target);
  if (kinds.includes('http')) return Object.keys(plan.checks).length > 0 ? [] : [nothingAsked];
  return blindChecks(plan, kinds);
}

const nothingAsked: PlanFault = {
  path: ['checks'],
  code: 'plan-inconsistent',
  message:
    'the target has an http route, whose errors and latency can be seen, and the plan asks for neither: leave "checks" out to take the usual two, or write some',
};

const besideNothing: PlanFault = {
  path: ['checks'],
  code: 'plan-inconsistent',
  message:
    'custom checks are judged beside the requests of an http route, and tls and tcp routes have none: name an http route beside it, or use a plan of setWeight, pause and approval with "checks": {}',
};

function blindChecks({ checks, steps }: Judging, kinds: RouteKey['kind'][]): PlanFault[] {
  const blind = Object.entries(checks).flatMap(([id, { metric }]) => (isOfHttp[metric] ? [id] : []));
  if (blind.length === 0) return Object.keys(checks).length > 0 ? [besideNothing] : [];
  const bake = steps.findIndex(isWatched);
  const routes = kinds.length > 1 ? 'tls and tcp routes have' : `a ${kinds.join()} route has`;
  const named = `${blind.length === 1 ? 'check' : 'checks'} ${blind.join(' and ')} would never see anything`;
  const message = `${routes} no HTTP metrics, so that ${named}: name an http route beside it, or use a plan of setWeight, pause and approval with "checks": {}`;
  return [{ path: bake < 0 ? ['checks'] : ['steps', bake], code: 'plan-inconsistent', message }];
}

function kindsIn(target: Target): RouteKey['kind'][] {
  const kinds = objectsOf(target).flatMap(({ routes }) => routes.map(({ key }) => key.kind));
  return [...new Set(kinds)].sort();
}
