import type { MetricsFacts } from '../rollout/ports/readiness.ts';
import { isEntryHost, type Target } from '../rollout/target.ts';
import type { Millis } from '../rollout/units.ts';
import type { Answer } from './answer.ts';
import { requestsByCode, type ServiceSelector } from './promql.ts';
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

export type AboutService = {
  target: Target;
  /** The database's clock at this moment. */
  now: Millis;
  /** Seconds between two scrapes as configured. */
  scrapeSeconds: number;
};

type OfService = Pick<
  MetricsFacts,
  'metricLabels' | 'scrape' | 'requestSeries' | 'callers' | 'callees' | 'forbidden'
>;

/** Where names cannot stand in a query, or do not tell the arms apart. */
export function nothingOf(why: string): OfService {
  const one = unread(why, 'give both destinations versions, or services, whose names tell them apart');
  return { metricLabels: one, scrape: one, requestSeries: one, callers: one, callees: one, forbidden: one };
}

/** Asks for the facts that Istio's counters of the service's own requests tell. */
export async function askService(
  asking: Asking,
  asked: AboutService,
  selector: ServiceSelector,
): Promise<OfService> {
  const { target } = asked;
  const series = asking.rows(queries.requestSeriesQuery(selector));
  const [metricLabels, scrape, requestSeries, calls, forbidden] = await Promise.all([
    askLabels(asking, asked, selector),
    askScrape(asking, asked, { selector, series }),
    series,
    askCalls(asking, target, selector),
    asking.rows(requestsByCode(selector, queries.forbiddenSeconds)),
  ]);
  return {
    metricLabels,
    scrape,
    requestSeries: fromRows(requestSeries, (rows) => requestSeriesFrom(rows, target)),
    ...calls,
    forbidden: fromRows(forbidden, (rows) => forbiddenFrom(rows, target)),
  };
}

async function askLabels(
  asking: Asking,
  { target, now }: AboutService,
  selector: ServiceSelector,
): Promise<MetricsFacts['metricLabels']> {
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

async function askScrape(
  asking: Asking,
  { scrapeSeconds }: AboutService,
  { selector, series }: { selector: ServiceSelector; series: Promise<Answer> },
): Promise<MetricsFacts['scrape']> {
  const [targets, samples, own] = await Promise.all([
    asking.list('targets', [['state', 'active']]),
    asking.rows(queries.samplesQuery(selector, scrapeSeconds)),
    series,
  ]);
  const told = scrapeIntervalIn(targets, own.kind === 'rows' ? own.rows : []);
  return scrapeFrom(told, samples, { scrapeSeconds, lookedBack: queries.samplesSeconds(scrapeSeconds) });
}

type Calls = Pick<MetricsFacts, 'callers' | 'callees'>;

async function askCalls(asking: Asking, target: Target, selector: ServiceSelector): Promise<Calls> {
  const workloads = await asking.rows(queries.workloadsQuery(selector));
  if (workloads.kind === 'failed') return { callers: unread(workloads.why), callees: unread(workloads.why) };
  const ofStable = workloadsOf(workloads.rows, target, ['stable']);
  const ofBoth = workloadsOf(workloads.rows, target, ['stable', 'canary']);
  const asks = async (query: string | null) => (query === null ? null : asking.rows(query));
  const [callers, callees] = await Promise.all([
    asks(queries.callersQuery(target, selector, ofBoth)),
    asks(queries.calleesQuery(ofStable)),
  ]);
  return callsFrom(target, callers, callees);
}

/** Requests that the service's own proxies counted prove that they are scraped, so that stable calls nobody is known. */
function callsFrom(target: Target, callers: Answer | null, callees: Answer | null): Calls {
  const nobody = noRequests(target);
  const countedAtSenders = isEntryHost(target.stable);
  const isScraped = callers?.kind === 'rows' && callers.rows.length > 0;
  const calleesOrNone = (answer: Answer) =>
    fromRows(answer, (rows) => (rows.length === 0 && !isScraped ? nobody : found(calleesFrom(rows))));
  return {
    callers:
      callers === null
        ? nobody
        : fromRows(callers, (rows) => (rows.length === 0 ? nobody : callersFrom(rows, { countedAtSenders }))),
    // A host outside the mesh has no proxy that could count what it calls.
    callees: callees === null ? (countedAtSenders ? found([]) : nobody) : calleesOrNone(callees),
  };
}
