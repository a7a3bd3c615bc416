import type { ClusterConfig } from '../config.ts';
import type { PrometheusFacts } from '../metrics/inspect-prometheus.ts';
import { aheadMs, checkClock } from './clocks.ts';
import { type Check, fail, ok, warn } from './report.ts';

export type PrometheusCase = {
  cluster: string;
  facts: PrometheusFacts;
  /** Seconds between two scrapes, as configured. */
  scrapeSeconds: number;
  /** How far PostgreSQL's clock is ahead of this machine's; null when it did not answer. */
  databaseAheadMs: number | null;
};

/** Judges what the Prometheus of one cluster answers. */
export function checkPrometheus({ cluster, facts, scrapeSeconds, databaseAheadMs }: PrometheusCase): Check[] {
  const what = `prometheus ${cluster}`;
  if (facts.clock.kind === 'failed') return [prometheusFailed(cluster, facts.clock.why)];
  const clock = checkClock(
    {
      what: `${what} clock`,
      byMs: aheadMs(facts.clock.value) - (databaseAheadMs ?? 0),
      than: databaseAheadMs === null ? "this machine's" : "PostgreSQL's",
      effect: 'measurements count as missing from 30 s on, and nothing advances',
    },
    { warnMs: 5000, failMs: 30_000 },
  );
  const series = checkSeries(`${what} metrics`, facts.series);
  const isScraped = facts.series.kind === 'found' && facts.series.value > 0;
  const scrapes = isScraped ? [checkScrapes(`${what} scrapes`, facts.scrapeSeconds, scrapeSeconds)] : [];
  return [ok(what, 'answers.'), clock, series, ...scrapes];
}

/**
 * Clusters that ask the same place for the same tenant: no label of Istio's metrics says which cluster a request was
 * made in, so that services of one name would be judged by each other's requests.
 */
export function checkShared(clusters: readonly Pick<ClusterConfig, 'name' | 'prometheus'>[]): Check[] {
  const askers = new Map<string, string[]>();
  for (const { name, prometheus } of clusters) {
    const { url, headers, auth } = prometheus;
    const place = JSON.stringify([url.replace(/\/+$/, ''), Object.entries(headers).sort(), auth]);
    askers.set(place, [...(askers.get(place) ?? []), name]);
  }
  const says =
    'one Prometheus, asked in the same way: requests to services of the same name and namespace are counted together. Give each cluster its own, or a tenant by headers.';
  return [...askers.values()]
    .filter((names) => names.length > 1)
    .map((names) => warn(`prometheus ${names.join(', ')}`, says));
}

/** The only check there is when a Prometheus does not answer. */
export function prometheusFailed(cluster: string, why: string): Check {
  return fail(
    `prometheus ${cluster}`,
    `${why}. Nothing advances without metrics: check its address and credentials.`,
  );
}

function checkSeries(what: string, series: PrometheusFacts['series']): Check {
  if (series.kind === 'failed') return fail(what, `istio_requests_total cannot be asked for: ${series.why}.`);
  if (series.value > 0) return ok(what, `istio_requests_total has ${series.value} series.`);
  const says =
    'istio_requests_total with reporter="destination" has no series: scrape the proxies of the mesh, and send a request through one.';
  return fail(what, says);
}

function checkScrapes(what: string, measured: PrometheusFacts['scrapeSeconds'], configured: number): Check {
  if (measured.kind === 'failed') return warn(what, `the interval cannot be measured: ${measured.why}.`);
  const seconds = measured.value;
  if (seconds === null) {
    return warn(what, `too young to measure: ask again in ${Math.ceil(5 * configured)} s of steady traffic.`);
  }
  const about = `about every ${Number(seconds.toFixed(1))} s`;
  if (seconds > 0.6 * configured && seconds < 1.5 * configured) {
    return ok(what, `${about}, and ${configured} s is configured.`);
  }
  const mend = `set scrapeSeconds (CANARYD_SCRAPE_SECONDS) to what Prometheus does`;
  if (seconds <= configured) {
    return warn(
      what,
      `${about}, but ${configured} s is configured: every step takes longer than it has to; ${mend}.`,
    );
  }
  const says = `${about}, but ${configured} s is configured: fresh metrics count as old, and rollouts hold; ${mend}.`;
  return seconds > 3 * configured ? fail(what, says) : warn(what, says);
}
