import { type Arm, isEntryHost, type Target } from '../rollout/target.ts';
import { ServiceName } from '../rollout/units.ts';
import { answerLabels } from './server-errors.ts';

/** Services of one namespace; of all their versions, or of one. */
export type Services = { namespace: string; names: string[]; version: string | null };

/** Which counters belong to a target, or to several, safe to put into a query. */
export type ServiceSelector = {
  kind: 'selector';
  reporter: 'destination' | 'source';
  /** What tells the arms apart: their versions, or the services that they have each. */
  split: 'versions' | 'services';
  /** The labels by which the rows of two arms, and those of two targets, differ. */
  armLabels: string;
  /** The same for what callers counted, where a version is asked for anyhow; empty for one service. */
  callerLabels: string;
  /** The services whose counters are those of the arms; each selects a part of them. */
  arms: Services[];
  /** The services behind the arms, as callers see them. */
  callers: Services[];
};

export const requestsTotal = 'istio_requests_total';
export const durationBucket = 'istio_request_duration_milliseconds_bucket';
const hostLabels = 'destination_service_namespace, destination_service_name';
/** How far back a service counts as known when none of its samples is fresh. */
const knownWithin = '1h';

/**
 * True when each arm has a service of its own. Then the requests are counted where the callers sent them: a pod's
 * own proxy does not know by which of its services it was called and names the first, so that a service for all
 * versions, as there is one as a rule, would hide the two: https://github.com/istio/istio/issues/31610
 */
export function isHostSplit({ stable, canary }: Pick<Target, 'stable' | 'canary'>): boolean {
  const [one, other] = [stable.service, canary.service];
  return one.name !== other.name || one.namespace !== other.namespace;
}

/** True when requests are counted where the callers sent them. */
export function isCountedAtCallers({ target, mirrored }: { target: Target; mirrored: boolean }): boolean {
  return mirrored || isHostSplit(target) || isEntryHost(target.stable);
}

/**
 * Selects the service behind a target, or both. Refused, with the reason, when a name could end the PromQL string it
 * stands in or when both arms carry one version of one service and their requests could not be told apart.
 *
 * What is `mirrored` is counted where the callers sent it: a proxy sends copies past its own counters, but the one that
 * gets them counts them as requests, `-shadow` in their host being all that tells them apart:
 * https://istio.io/latest/docs/tasks/traffic-management/mirroring/
 * A host of a ServiceEntry is counted there, too: what stands behind it need not have a proxy.
 */
export function selectService(
  target: Target,
  { mirrored }: { mirrored: boolean } = { mirrored: false },
): ServiceSelector | { kind: 'refused'; why: string } {
  const { canary, stable } = target;
  const unsafe = [...namesIn(canary), ...namesIn(stable)].find(
    (value) => !ServiceName.safeParse(value).success,
  );
  if (unsafe !== undefined) {
    return {
      kind: 'refused',
      why: `${JSON.stringify(unsafe)} is no label value, so it is not put into a query`,
    };
  }
  if (isHostSplit(target)) return selectHosts(target);
  if (canary.version === stable.version) {
    const why = `canary and stable both carry the version ${canary.version}: their requests cannot be told apart`;
    return { kind: 'refused', why };
  }
  const service = servicesOf(stable);
  return {
    kind: 'selector',
    reporter: isCountedAtCallers({ target, mirrored }) ? 'source' : 'destination',
    split: 'versions',
    armLabels: 'destination_version',
    callerLabels: '',
    arms: [service],
    callers: [service],
  };
}

function namesIn(arm: Arm): string[] {
  return [arm.service.namespace, arm.service.name, arm.version, subsetVersionOf(arm) ?? arm.version];
}

/** The version that a subset narrows its service to; null without a subset. */
function subsetVersionOf({ subset, podLabels, version }: Arm): string | null {
  return subset === null ? null : (podLabels?.['version'] ?? version);
}

function selectHosts({ stable, canary }: Target): ServiceSelector {
  const both = [stable, canary];
  return {
    kind: 'selector',
    reporter: 'source',
    split: 'services',
    armLabels: hostLabels,
    callerLabels: hostLabels,
    arms: both.map((arm) => ({ ...servicesOf(arm), version: subsetVersionOf(arm) })),
    callers: both.map(servicesOf),
  };
}

function servicesOf({ service }: Arm): Services {
  return { namespace: service.namespace, names: [service.name], version: null };
}

/** The label matchers that select these services. */
export function matchersOf({ namespace, names, version }: Services): string {
  const [name = '', ...others] = names;
  const named = others.length === 0 ? `=${quoted(name)}` : `=~${quoted(anyOf(names))}`;
  const service = `destination_service_namespace=${quoted(namespace)},destination_service_name${named}`;
  return version === null ? service : `${service},destination_version=${quoted(version)}`;
}

/**
 * A regular expression for just these label values, none of which has more to escape than a dot. Prometheus anchors
 * it at both ends: https://prometheus.io/docs/prometheus/latest/querying/basics/#instant-vector-selectors
 */
export function anyOf(labelValues: string[]): string {
  return labelValues.map((value) => value.replaceAll('.', '[.]')).join('|');
}

/** A PromQL string literal: https://prometheus.io/docs/prometheus/latest/querying/basics/#string-literals */
export function quoted(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
}

/** A PromQL range in whole milliseconds or, where it is one, whole seconds. */
export function range(seconds: number): string {
  return `[${duration(seconds)}]`;
}

export function duration(seconds: number): string {
  return Number.isInteger(seconds) ? `${seconds}s` : `${Math.round(seconds * 1000)}ms`;
}

/** Requests in the last `seconds`, one row for each arm and way to end; gives all counts and error ratios. */
export function requestsByCode(selector: ServiceSelector, seconds: number): string {
  const by = `sum by (${selector.armLabels}, ${answerLabels})`;
  return eachArm(selector, (matchers) => `${by} (${counted(`${requestsTotal}{${matchers}}`, seconds)})`);
}

/** P99 of the last `seconds` in ms, one row for each arm; NaN without requests, capped at the highest bucket. */
export function p99Latency(selector: ServiceSelector, seconds: number): string {
  return `histogram_quantile(0.99, ${latencyBuckets(selector, seconds)})`;
}

/** Requests in the last `seconds` at or below each bucket bound, one row for each arm and `le`. */
export function latencyBuckets(selector: ServiceSelector, seconds: number): string {
  const by = `sum by (${selector.armLabels}, le)`;
  return eachArm(selector, (matchers) => `${by} (${counted(`${durationBucket}{${matchers}}`, seconds)})`);
}

/** Requests as the callers counted them, which includes those that no pod of the service ever saw. */
export function requestsAtCallers({ callerLabels, callers }: ServiceSelector, seconds: number): string {
  const service = callerLabels === '' ? '' : `${callerLabels}, `;
  const by = `sum by (${service}destination_version, destination_workload, ${answerLabels})`;
  const sent = (matchers: string) => `${requestsTotal}{reporter="source",${matchers}}`;
  return anyRow(callers.map((services) => `${by} (${counted(sent(matchersOf(services)), seconds)})`));
}

/** A query for the counters of each arm, in one. */
export function eachArm({ reporter, arms }: ServiceSelector, query: (matchers: string) => string): string {
  return anyRow(arms.map((services) => query(`reporter=${quoted(reporter)},${matchersOf(services)}`)));
}

/** One query for several selections, whose rows differ in the labels that they are grouped by. */
function anyRow(queries: string[]): string {
  return queries.join(' or ');
}

/**
 * How much each counter of `series` rose in the last `seconds`. `increase` alone knows only what a counter gained
 * after its first sample, but a proxy makes a new one for each pod, caller, code and flag, and that one is born with
 * its first request: such a counter counts with its whole value. A counter that merely was not seen before, because
 * its pod was not scraped, would bring the requests of its whole life with it: it counts as born only when the last
 * scrape of its target before the stretch succeeded without it, which `up` shows or another counter of the target, be
 * it that of another service in the same query.
 * The largest value and not the last one stands for a newborn whose proxy restarted since. Where a missed scrape
 * leaves `increase` one sample only, the value before the stretch is subtracted: else newborns alone would count.
 * Set operators ignore metric names, and a failed scrape ends all series of its target at once:
 * https://prometheus.io/docs/prometheus/latest/querying/operators/#logical-set-binary-operators
 * https://prometheus.io/docs/prometheus/latest/querying/basics/#staleness
 */
export function counted(series: string, seconds: number): string {
  const before = `offset ${duration(seconds)}`;
  const seen = `${series}${range(seconds)}`;
  const absentBefore = `max_over_time(${seen}) unless ${series} ${before}`;
  const scrapedBefore = `(${series} ${before} or up ${before} == 1)`;
  const newborn = `((${absentBefore}) and on (job, instance) ${scrapedBefore})`;
  const seenOnce = `clamp_min(max_over_time(${seen}) - ${series} ${before}, 0)`;
  return `${newborn} or increase(${seen}) or ${seenOnce}`;
}

/** Unix time in seconds of the newest sample of each arm that is still being scraped. */
export function newestSample(selector: ServiceSelector): string {
  const by = `max by (${selector.armLabels})`;
  return eachArm(selector, (matchers) => `${by} (timestamp(${requestsTotal}{${matchers}}))`);
}

/** One row for each arm that had any sample in the last hour. */
export function seenLately(selector: ServiceSelector): string {
  const by = `count by (${selector.armLabels})`;
  const seen = (matchers: string) => `count_over_time(${requestsTotal}{${matchers}}[${knownWithin}])`;
  return eachArm(selector, (matchers) => `${by} (${seen(matchers)})`);
}

/** The provider's own clock, when it is asked without an evaluation time. */
export const providerClock = 'time()';
