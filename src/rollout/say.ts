import { managedInWords, matchesInWords } from './managed.ts';
import { managedName } from './managed-route.ts';
import type { Step } from './plan-parts.ts';
import type { HoldOrder } from './ports/store.ts';
import type { Rollout } from './rollout.ts';
import type { State } from './state.ts';
import { objectsOf, type Target } from './target.ts';
import { isSameShare, type Millis } from './units.ts';

/** A whole sentence: a capital first, and one full stop, whatever a person or a provider ended it with. */
export function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${inner(text.slice(1))}.`;
}

/** `0.1234` as `12.34 %`: at most two decimals, none that say nothing. */
export function ratio(value: number): string {
  return value > 1 ? 'over 100 %' : `${trimmed(value * 100)} %`;
}

/** A share as people write it: `5 %`. */
export function share(value: number): string {
  return `${trimmed(value)} %`;
}

/** A count of requests; Prometheus extrapolates, people do not. */
export function count(requests: number): string {
  return String(Math.round(requests));
}

/** Seconds as `45 s`, `5 min` or `2 h`, whichever is shortest without lying. */
export function seconds(value: number): string {
  if (value >= 7200) return `${trimmed(value / 3600, 1)} h`;
  return value >= 120 ? `${trimmed(value / 60, 1)} min` : `${trimmed(value, 1)} s`;
}

/** `14:05:09Z`: the time of day in UTC. */
export function timeOfDay(at: Millis): string {
  return `${new Date(at).toISOString().slice(11, 19)}Z`;
}

/** The time of day, with the date when it is not today's. */
export function moment(at: Millis, now: Millis): string {
  const [day, today] = [at, now].map((time) => new Date(time).toISOString().slice(0, 10));
  return day === today ? timeOfDay(at) : `${day} ${timeOfDay(at)}`;
}

/** What a person types to take stable's new images back; canaryd itself never touches a workload. */
export function undo({ target }: Pick<Rollout, 'target'>): string {
  return `kubectl -n ${target.stable.service.namespace} rollout undo deployment/<the one behind ${target.stable.version}>`;
}

/** Where a hold order stands, in words. */
export function scope({ cluster, namespace }: { cluster: string | null; namespace: string | null }): string {
  const where = cluster === null ? 'all clusters' : `cluster ${cluster}`;
  return namespace === null ? where : `namespace ${namespace} of ${where}`;
}

/** A hold order that stands, in words. */
export function standing({ id, by, reason, ...place }: HoldOrder): string {
  const why = reason === null ? '' : `: ${inner(reason)}`;
  return `${by.name} stopped every move forward in ${scope(place)} (DELETE /v1/hold/${id} lifts it)${why}`;
}

/** What a step does, in few words. */
export function step(of: Step): string {
  switch (of.type) {
    case 'setWeight':
      return `set the weight to ${share(of.weight)}`;
    case 'setHeaderRoute':
      return headerStep(of);
    case 'setMirrorRoute':
      return mirrorStep(of);
    case 'bake':
      return `bake for ${seconds(of.duration)}`;
    case 'pause':
      return of.duration === undefined ? 'wait for a person' : `wait for ${seconds(of.duration)}`;
    case 'approval':
      return `wait for ${of.count === 1 ? 'an approval' : `${of.count} approvals`}`;
    case 'promote':
      return of.bake === undefined ? 'promote to 100 %' : `promote to 100 % and bake for ${seconds(of.bake)}`;
  }
}

function headerStep(of: Extract<Step, { type: 'setHeaderRoute' }>): string {
  if (of.remove === true || of.match === undefined) return `take the route ${managedName(of)} away`;
  return `send requests with ${matchesInWords(of.match)} to the canary (route ${managedName(of)})`;
}

function mirrorStep(of: Extract<Step, { type: 'setMirrorRoute' }>): string {
  if (of.remove === true) return `take the route ${managedName(of)} away`;
  const which = of.match === undefined ? 'all requests' : `requests with ${matchesInWords(of.match)}`;
  return `mirror ${share(of.percentage)} of ${which} to the canary (route ${managedName(of)})`;
}

/** Where traffic is, in one sentence; says so when that is not known. */
export function traffic({ traffic: now, target, state }: Rollout): string {
  const stable = `${share(100 - now.applied)} of traffic on ${target.stable.version} (stable)`;
  const split =
    now.applied === 0
      ? `all traffic on ${target.stable.version} (stable)`
      : `${share(now.applied)} of traffic on ${target.canary.version} (canary), ${stable}`;
  const even = now.applied === 100 ? `all traffic on ${target.canary.version} (canary)` : split;
  const weighed =
    now.lowest === undefined
      ? even
      : `${share(now.lowest)} to ${share(now.applied)} of traffic on ${target.canary.version} (canary), depending on the route`;
  const all = `${weighed}${apart(target)}${besides(now.managed, target.canary.version)}`;
  if (now.intent !== null && !isSameShare(now.intent.share, now.applied))
    return `${all} when last read; ${share(now.intent.share)} for the canary is being written`;
  return isOutOfSight(state) ? `${all} when last read` : all;
}

/** What the shares are parts of, where other destinations have traffic that they keep. */
function apart(target: Target): string {
  const others = objectsOf(target).flatMap(({ routes }) => routes.flatMap(({ original }) => original.others));
  const busy = others.filter(({ weight }) => (weight ?? 0) > 0).map((one) => otherName(one, target));
  const names = [...new Set(busy)];
  if (names.length === 0) return '';
  const keep = names.length === 1 ? 'keeps its part' : 'keep their parts';
  return `, of what ${target.stable.version} and ${target.canary.version} have; ${names.join(', ')} ${keep}`;
}

/** By its subset beside those of stable and canary; a destination of another host by that. */
function otherName(
  { host, subset }: { host: string; subset: string | null },
  { stable, canary }: Target,
): string {
  if (subset === null) return foreign(host);
  return [stable.host, canary.host].includes(host)
    ? foreign(subset)
    : `${foreign(subset)} of ${foreign(host)}`;
}

/** What managed routes bring to the canary beside its share. */
function besides({ desired, applied, changed = [] }: Rollout['traffic']['managed'], canary: string): string {
  const words = applied.map((name) => {
    if (changed.includes(name))
      return `route ${managedName({ name })} is not as canaryd wrote it and may send other requests to ${canary} (canary)`;
    const route = desired.find((one) => one.name === name);
    if (route !== undefined) return managedInWords(route, canary);
    return `route ${managedName({ name })} stands and may send requests to ${canary} (canary)`;
  });
  return words.length === 0 ? '' : `; ${words.join('; ')}`;
}

function isOutOfSight(state: State): boolean {
  if (state.kind === 'holding') return state.reason.kind === 'meshUnavailable';
  if (state.kind === 'paused') return state.reason.kind === 'shapeChanged';
  return (
    state.kind === 'rollbackFailed' ||
    (state.kind === 'rollingBack' && state.stuck?.kind === 'meshWriteFailed')
  );
}

/** A name that anybody may have put into an object: of one line, short, and nothing but a name. */
export function foreign(name: string): string {
  return name.replaceAll(/[^\w.-]/g, '?').slice(0, 64);
}

/** What others wrote, without the full stop that our own sentence brings. */
export function inner(text: string): string {
  return text.replace(/[.\s]+$/, '');
}

function trimmed(value: number, decimals = 2): string {
  return String(Number(value.toFixed(decimals)));
}
