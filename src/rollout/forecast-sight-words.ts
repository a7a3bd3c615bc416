import { percent } from '../analysis/sequential/figures.ts';
import { expectedIn, rateText } from './forecast-check.ts';
import type { MeshCheck } from './plan-parts.ts';
import * as say from './say.ts';
import type { Share } from './units.ts';

/** Where it is looked: the share in percent, for how long, and stable's requests per second. */
type Scene = { share: Share; bakeSeconds: number; perSecond: number };
type Seen = { leastErrorRate: number | null; leastSlowdown: number | null };
type Found = { rate: number; requests: number; bakeSeconds: number | null };

/** The ratio of requests (0..1) that a limit allows to be bad: failed, or slower than a P99. */
export function allowedRate({ metric, max }: MeshCheck): number {
  return metric === 'errorRate' ? max : 0.01;
}

/** What a step sees whatever the limits are. */
export function seen({ leastErrorRate, leastSlowdown }: Seen, scene: Scene, hasHistogram: boolean): string {
  const errors =
    leastErrorRate === null ? 'no 5xx show' : `5xx show from ${percent(leastErrorRate)} of all requests on`;
  const slowdown =
    leastSlowdown === null
      ? 'no slowdown does'
      : `a slowdown from ${Number(leastSlowdown.toPrecision(2))} times as long on`;
  return `${brings(scene)}; ${errors}, ${hasHistogram ? slowdown : 'and stable shows no latency histogram'}`;
}

/** A canary that a step finds in time. */
export function found(check: MeshCheck, of: Found & { requestsAtRisk: number }, { share }: Scene): string {
  const { rate, requests, bakeSeconds, requestsAtRisk } = of;
  const time = bakeSeconds === null ? '' : `, in ${say.seconds(bakeSeconds)} at ${say.share(share)}`;
  const harmed = Math.ceil(requestsAtRisk);
  return `${bad(check, rate)} are found after ${counted(requests)}${time}: about ${counted(harmed)} went wrong by then`;
}

/** A canary that a step does not find in time, and what to type so that it does. */
export function unseen(check: MeshCheck, of: Found & { weight: Share | null }, scene: Scene): string {
  const { rate, requests, bakeSeconds, weight } = of;
  const ways = [
    bakeSeconds === null ? null : `a bake of at least ${Math.ceil(bakeSeconds)} s`,
    weight === null ? null : `a weight of at least ${say.share(weight)}`,
  ].filter((way) => way !== null);
  const mend =
    ways.length > 0 ? `use ${ways.join(' or ')}` : 'raise the limit, or judge this service by hand';
  return `${bad(check, rate)}${beside(check, rate)} take ${counted(requests)} to find, and ${brings(scene)}: ${mend}`;
}

/** A limit that no canary is ever found to break. */
export function never(check: MeshCheck, stableRate: number): string {
  if (allowedRate(check) >= 1) return 'nothing is above a limit of 100 %';
  const bads = check.metric === 'errorRate' ? '5xx' : `requests slower than ${check.max} ms`;
  return `stable itself has ${percent(stableRate)} of ${bads}, so that a canary over the limit is no exception`;
}

export function noHistogram({ metric, max }: MeshCheck): string {
  if (metric === 'errorRate') return unknown('nothing is asked of errors');
  return unknown(`stable shows no latency histogram that reaches ${max} ms`);
}

export function unknown(why: string): string {
  return `not known: ${say.inner(why)}`;
}

function brings({ share, bakeSeconds, perSecond }: Scene): string {
  const requests = Math.floor(expectedIn(perSecond, share, bakeSeconds));
  return `at ${rateText(perSecond)} requests/s, ${say.share(share)} brings ${say.count(requests)} in ${say.seconds(bakeSeconds)}`;
}

function bad({ metric, max }: MeshCheck, rate: number): string {
  return metric === 'errorRate'
    ? `${percent(rate)} of 5xx`
    : `${percent(rate)} of requests slower than ${max} ms`;
}

/** Twice what a limit allows is no limit of the plan: its own is named. */
function beside(check: MeshCheck, rate: number): string {
  const allowed = allowedRate(check);
  return rate > allowed ? `, where the limit allows ${percent(allowed)},` : ', the limit,';
}

function counted(requests: number): string {
  const whole = Math.ceil(requests);
  return whole === 1 ? '1 request' : `${say.count(whole)} requests`;
}
