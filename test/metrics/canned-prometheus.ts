import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { someInstant } from './requests.ts';

const endings = 'response_code, grpc_response_status, response_flags';

/** A row as a test writes it: labels and a sample value in Prometheus's own text. */
export type CannedRow = [labels: Record<string, string>, value: string];
type Canned = CannedRow[] | ((response: ServerResponse) => void);

/** The queries that one measurement sends, told apart by their text. */
type QueryName =
  | 'clock'
  | 'custom'
  | 'newest'
  | 'seenLately'
  | 'requests'
  | 'increments'
  | 'p99'
  | 'buckets'
  | 'callers'
  | 'requestCounters'
  | 'bucketCounters'
  | 'requestHistory'
  | 'bucketHistory';

const patterns: Record<QueryName, RegExp> = {
  clock: /^time\(\)$/,
  custom: /orders_failed_total/,
  newest: /timestamp\(/,
  seenLately: /count_over_time\(/,
  p99: /histogram_quantile\(/,
  requestHistory: /^\(sum by .*_requests_total.*\)\[\d+s:60s\]$/,
  bucketHistory: /^\(sum by .*_bucket.*\)\[\d+s:60s\]$/,
  requestCounters: /^sum by \([a-z_, ]+, pod, instance, response_code/,
  bucketCounters: /^sum by \([a-z_, ]+, pod, instance, le\)/,
  buckets: /^sum by \([a-z_, ]+, le\)/,
  callers: new RegExp(`^sum by \\([a-z_, ]*destination_workload, ${endings}\\)`),
  increments: new RegExp(`^sum by \\([a-z_, ]+, ${endings}\\) .*\\[10s\\]`),
  requests: new RegExp(`^sum by \\([a-z_, ]+, ${endings}\\)`),
};

const healthy: Record<QueryName, Canned> = {
  clock: [[{}, String(someInstant / 1000)]],
  custom: [[{}, '2']],
  newest: [
    [{ destination_version: 'v1' }, String(someInstant / 1000 - 1)],
    [{ destination_version: 'v2' }, String(someInstant / 1000 - 1)],
  ],
  seenLately: [],
  requests: [...counts('v1', { '200': '9000' }), ...counts('v2', { '200': '1000' })],
  increments: [...counts('v1', { '200': '1500' }), ...counts('v2', { '200': '160', '503': '5' })],
  p99: [
    [{ destination_version: 'v1' }, '95'],
    [{ destination_version: 'v2' }, '240'],
  ],
  buckets: [
    ...buckets('v1', { '50': '10', '100': '9000', '+Inf': '9000' }),
    ...buckets('v2', { '100': '500', '250': '1000', '+Inf': '1000' }),
  ],
  callers: [
    [{ destination_version: 'v1', destination_workload: 'payments-v1', response_code: '200' }, '10000'],
  ],
  requestCounters: [...podCounts('v1', 'a', { '200': '9000' }), ...podCounts('v2', 'b', { '200': '1000' })],
  bucketCounters: [
    ...podBuckets('v1', 'a', { '100': '9000', '+Inf': '9000' }),
    ...podBuckets('v2', 'b', { '100': '1000', '+Inf': '1000' }),
  ],
  requestHistory: overTime([]),
  bucketHistory: overTime([]),
};

/** What one pod has counted, by response code. */
export function podCounts(version: string, pod: string, byCode: Record<string, string>): CannedRow[] {
  return counts(version, byCode).map(([labels, value]) => [{ ...labels, pod }, value]);
}

/** What one pod has counted, by bucket bound. */
export function podBuckets(version: string, pod: string, byBound: Record<string, string>): CannedRow[] {
  return buckets(version, byBound).map(([labels, value]) => [{ ...labels, pod }, value]);
}

type CannedSeries = [labels: Record<string, string>, points: [minute: number, value: string][]];

/** Answers with series that have values at so many minutes after the hour of `someInstant`. */
export function overTime(series: CannedSeries[]): (response: ServerResponse) => void {
  const result = series.map(([metric, points]) => ({
    metric,
    values: points.map(([minute, value]) => [someInstant / 1000 + minute * 60, value]),
  }));
  return (response) => json(response, 200, { status: 'success', data: { resultType: 'matrix', result } });
}

/** Rows of one version by response code. */
export function counts(version: string, byCode: Record<string, string>): CannedRow[] {
  return Object.entries(byCode).map(([response_code, value]) => [
    { destination_version: version, response_code },
    value,
  ]);
}

/** Rows of one version by bucket bound. */
export function buckets(version: string, byBound: Record<string, string>): CannedRow[] {
  return Object.entries(byBound).map(([le, value]) => [{ destination_version: version, le }, value]);
}

export type CannedPrometheus = {
  url: string;
  /** Replaces the answer to one query; all others are those of a healthy service. */
  answer(name: QueryName, canned: Canned): void;
  answerAll(canned: Canned): void;
  reset(): void;
  /** What was asked: the query, its evaluation time and the request's headers. */
  readonly asked: { query: string; time: string | null; headers: IncomingMessage['headers'] }[];
  stop(): Promise<void>;
};

/** An HTTP server that answers Prometheus's query API from canned rows, byte by byte as a test wants it. */
export async function cannedPrometheus(): Promise<CannedPrometheus> {
  const asked: CannedPrometheus['asked'] = [];
  let answers: Record<QueryName, Canned> = { ...healthy };
  const server = createServer((request, response) => {
    const { searchParams } = new URL(request.url ?? '/', 'http://prometheus.test');
    const query = searchParams.get('query') ?? '';
    asked.push({ query, time: searchParams.get('time'), headers: request.headers });
    respond(response, answers[nameOf(query)], query);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    answer: (name, canned) => {
      answers = { ...answers, [name]: canned };
    },
    answerAll: (canned) => {
      for (const name of names) answers = { ...answers, [name]: canned };
    },
    reset: () => {
      answers = { ...healthy };
      asked.length = 0;
    },
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

const names: QueryName[] = [
  'custom',
  'requestHistory',
  'bucketHistory',
  'requestCounters',
  'bucketCounters',
  'clock',
  'newest',
  'seenLately',
  'p99',
  'buckets',
  'callers',
  'increments',
  'requests',
];

function nameOf(query: string): QueryName {
  const name = names.find((candidate) => patterns[candidate].test(query));
  if (name === undefined) throw new Error(`no canned answer for ${query}`);
  return name;
}

function respond(response: ServerResponse, canned: Canned, query: string): void {
  if (typeof canned === 'function') canned(response);
  else json(response, 200, success(canned, query === 'time()'));
}

/** The body of a successful answer. */
export function success(rows: CannedRow[], asScalar = false): object {
  const seconds = someInstant / 1000;
  const data = asScalar
    ? { resultType: 'scalar', result: [seconds, rows[0]?.[1]] }
    : {
        resultType: 'vector',
        result: rows.map(([metric, value]) => ({ metric, value: [seconds, value] })),
      };
  return { status: 'success', data };
}

export function json(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
