import type { Fact } from '../readiness/snapshot.ts';
import type { MetricsFacts } from '../readiness/sources.ts';
import type { MetricsQuestion } from '../rollout/ports/readiness.ts';
import { isEntryHost } from '../rollout/target.ts';
import type { Answer } from './answer.ts';
import { requestsByCode, type ServiceSelector, type selectService } from './promql.ts';
import type { Asking } from './surroundings-asking.ts';
import {
  calleesFrom,
  callersFrom,
  forbiddenFrom,
  noRequests,
  requestSeriesFrom,
  workloadsOf,
} from './surroundings-calls.ts';
import { found, fromRows, unread } from './surroundings-facts.ts';
import { metricLabelsFrom, scrapeFrom, scrapeIntervalIn } from './surroundings-lists.ts';
import * as queries from './surroundings-queries.ts';

/** Seconds that a label counts as being there. */
const labelSeconds = 900;

/** A question, who is asked, and what selects the service in it. */
export type Asked = Omit<MetricsQuestion, 'wanted'> & {
  asking: Asking;
  /** Seconds between two scrapes as configured. */
  scrapeSeconds: number;
  selector: ReturnType<typeof selectService>;
};

type AskedOfService = Asked & { selector: ServiceSelector };

/**
 * Reads what the counters of the service's own requests tell; unread where names cannot stand in a query, or do not tell
 * the arms apart.
 */
export function ofService<Value>(
  read: (asked: AskedOfService) => Promise<Fact<Value>>,
): (asked: Asked) => Promise<Fact<Value>> {
  const mend = 'give both destinations versions, or services, whose names tell them apart';
  return async ({ selector, ...asked }) =>
    selector.kind === 'refused' ? unread(selector.why, mend) : read({ ...asked, selector });
}

export async function readMetricLabels(asked: AskedOfService): Promise<MetricsFacts['metricLabels']> {
  const { asking, target, now, selector } = asked;
  const listed = (metric: string) => {
    const matched = queries.ownSeries(selector, metric).map((one) => ['match[]', one] as [string, string]);
    const seconds = now / 1000;
    return asking.list('labels', [
      ...matched,
      ['start', String(seconds - labelSeconds)],
      ['end', String(seconds)],
    ]);
  };
  const [requests, buckets] = await Promise.all([
    listed('istio_requests_total'),
    listed('istio_request_duration_milliseconds_bucket'),
  ]);
  return metricLabelsFrom(requests, buckets) ?? noRequests(target);
}

export async function readScrape(asked: AskedOfService): Promise<MetricsFacts['scrape']> {
  const { asking, scrapeSeconds, selector } = asked;
  const [targets, samples, own] = await Promise.all([
    asking.list('targets', [['state', 'active']]),
    asking.rows(queries.samplesQuery(selector, scrapeSeconds)),
    asking.rows(queries.requestSeriesQuery(selector)),
  ]);
  const told = scrapeIntervalIn(targets, own.kind === 'rows' ? own.rows : []);
  return scrapeFrom(told, samples, { scrapeSeconds, lookedBack: queries.samplesSeconds(scrapeSeconds) });
}

export async function readRequestSeries(asked: AskedOfService): Promise<MetricsFacts['requestSeries']> {
  const { asking, target, selector } = asked;
  const series = await asking.rows(queries.requestSeriesQuery(selector));
  return fromRows(series, (rows) => requestSeriesFrom(rows, target));
}

export async function readForbidden(asked: AskedOfService): Promise<MetricsFacts['forbidden']> {
  const { asking, target, selector } = asked;
  const byCode = await asking.rows(requestsByCode(selector, queries.forbiddenSeconds));
  return fromRows(byCode, (rows) => forbiddenFrom(rows, target));
}

export async function readCallers(asked: AskedOfService): Promise<MetricsFacts['callers']> {
  const { target } = asked;
  const callers = await askCallers(asked);
  if (callers === null) return noRequests(target);
  const countedAtSenders = isEntryHost(target.stable);
  return fromRows(callers, (rows) =>
    rows.length === 0 ? noRequests(target) : callersFrom(rows, { countedAtSenders }),
  );
}

/** Null where no workload is known whose callers could be asked for. */
async function askCallers({ asking, target, selector }: AskedOfService): Promise<Answer | null> {
  const workloads = await asking.rows(queries.workloadsQuery(selector));
  if (workloads.kind === 'failed') return workloads;
  const ofBoth = workloadsOf(workloads.rows, target, ['stable', 'canary']);
  const query = queries.callersQuery(target, selector, ofBoth);
  return query === null ? null : asking.rows(query);
}

/** Requests that the service's own proxies counted prove that they are scraped, so that stable calls nobody is known. */
export async function readCallees(asked: AskedOfService): Promise<MetricsFacts['callees']> {
  const { asking, target, selector } = asked;
  const workloads = await asking.rows(queries.workloadsQuery(selector));
  if (workloads.kind === 'failed') return unread(workloads.why);
  const query = queries.calleesQuery(workloadsOf(workloads.rows, target, ['stable']));
  // A host outside the mesh has no proxy that could count what it calls.
  if (query === null) return isEntryHost(target.stable) ? found([]) : noRequests(target);
  const callees = await asking.rows(query);
  if (callees.kind === 'failed') return unread(callees.why);
  if (callees.rows.length > 0) return found(calleesFrom(callees.rows));
  const callers = await askCallers(asked);
  return callers?.kind === 'rows' && callers.rows.length > 0 ? found([]) : noRequests(target);
}
