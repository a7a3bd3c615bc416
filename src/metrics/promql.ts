import type { Target } from '../rollout/target.ts';
import { LabelValue } from '../rollout/units.ts';

/** Label matchers of one service, safe to put between braces; made only by `selectService`. */
export type ServiceSelector = { kind: 'selector'; matchers: string };

const requestsTotal = 'istio_requests_total';
const durationBucket = 'istio_request_duration_milliseconds_bucket';
/** How far back a service counts as known when none of its samples is fresh. */
const knownWithin = '1h';

/**
 * Selects the service behind a target. Refused, with the reason, when a name could end the PromQL string it stands in
 * or when both arms carry one version and their requests could not be told apart. Versions never stand in a query:
 * queries group by version and the answer is searched for them.
 */
export function selectService(target: Target): ServiceSelector | { kind: 'refused'; why: string } {
  const { service, canary, stable } = target;
  const unsafe = [service.namespace, service.name, canary.version, stable.version].find(
    (value) => !LabelValue.safeParse(value).success,
  );
  if (unsafe !== undefined) {
    return {
      kind: 'refused',
      why: `${JSON.stringify(unsafe)} is no label value, so it is not put into a query`,
    };
  }
  if (canary.version === stable.version) {
    const why = `canary and stable both carry the version ${canary.version}: their requests cannot be told apart`;
    return { kind: 'refused', why };
  }
  const matchers = `destination_service_namespace=${quoted(service.namespace)},destination_service_name=${quoted(service.name)}`;
  return { kind: 'selector', matchers };
}

/** A PromQL string literal: https://prometheus.io/docs/prometheus/latest/querying/basics/#string-literals */
export function quoted(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
}

/** A PromQL range in whole milliseconds or, where it is one, whole seconds. */
export function range(seconds: number): string {
  return `[${duration(seconds)}]`;
}

function duration(seconds: number): string {
  return Number.isInteger(seconds) ? `${seconds}s` : `${Math.round(seconds * 1000)}ms`;
}

/** Requests in the last `seconds`, one row for each version and response code; gives all counts and error ratios. */
export function requestsByCode(selector: ServiceSelector, seconds: number): string {
  return `sum by (destination_version, response_code) (${counted(received(requestsTotal, selector), seconds)})`;
}

/** P99 of the last `seconds` in ms, one row for each version; NaN without requests, capped at the highest bucket. */
export function p99Latency(selector: ServiceSelector, seconds: number): string {
  return `histogram_quantile(0.99, ${latencyBuckets(selector, seconds)})`;
}

/** Requests in the last `seconds` at or below each bucket bound, one row for each version and `le`. */
export function latencyBuckets(selector: ServiceSelector, seconds: number): string {
  return `sum by (destination_version, le) (${counted(received(durationBucket, selector), seconds)})`;
}

/** Requests as the callers counted them, which includes those that no pod of the service ever saw. */
export function requestsAtCallers(selector: ServiceSelector, seconds: number): string {
  const sent = `${requestsTotal}{reporter="source",${selector.matchers}}`;
  return `sum by (destination_version, destination_workload, response_code) (${counted(sent, seconds)})`;
}

/**
 * How much each counter of `series` rose in the last `seconds`. `increase` alone knows only what a counter gained
 * after its first sample, but a proxy makes a new one for each pod, caller, code and flag, and that one is born with
 * its first request: such a counter counts with its whole value. A counter that merely was not seen before, because
 * its pod was not scraped, would bring the requests of its whole life with it: it counts as born only when the last
 * scrape of its target before the stretch succeeded without it, which `up` shows or another counter of the target.
 * The largest value and not the last one stands for a newborn whose proxy restarted since. Where a missed scrape
 * leaves `increase` one sample only, the value before the stretch is subtracted: else newborns alone would count.
 * Set operators ignore metric names, and a failed scrape ends all series of its target at once:
 * https://prometheus.io/docs/prometheus/latest/querying/operators/#logical-set-binary-operators
 * https://prometheus.io/docs/prometheus/latest/querying/basics/#staleness
 */
function counted(series: string, seconds: number): string {
  const before = `offset ${duration(seconds)}`;
  const seen = `${series}${range(seconds)}`;
  const absentBefore = `max_over_time(${seen}) unless ${series} ${before}`;
  const scrapedBefore = `(${series} ${before} or up ${before} == 1)`;
  const newborn = `((${absentBefore}) and on (job, instance) ${scrapedBefore})`;
  const seenOnce = `clamp_min(max_over_time(${seen}) - ${series} ${before}, 0)`;
  return `${newborn} or increase(${seen}) or ${seenOnce}`;
}

/** Unix time in seconds of the newest sample of each version that is still being scraped. */
export function newestSample(selector: ServiceSelector): string {
  return `max by (destination_version) (timestamp(${received(requestsTotal, selector)}))`;
}

/** One row for each version that had any sample in the last hour. */
export function seenLately(selector: ServiceSelector): string {
  return `count by (destination_version) (count_over_time(${received(requestsTotal, selector)}[${knownWithin}]))`;
}

/** The provider's own clock, when it is asked without an evaluation time. */
export const providerClock = 'time()';

function received(metric: string, { matchers }: ServiceSelector): string {
  return `${metric}{reporter="destination",${matchers}}`;
}
