import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { someInstant } from './requests.ts';

/** A row as a test writes it: labels and a sample value in Prometheus's own text. */
export type CannedRow = [labels: Record<string, string>, value: string];
type Canned = CannedRow[] | ((response: ServerResponse) => void);

/** The queries that one measurement sends, told apart by their text. */
type QueryName =
  | 'clock'
  | 'newest'
  | 'seenLately'
  | 'requests'
  | 'increments'
  | 'p99'
  | 'buckets'
  | 'callers';

const patterns: Record<QueryName, RegExp> = {
  clock: /^time\(\)$/,
  newest: /timestamp\(/,
  seenLately: /count_over_time\(/,
  p99: /histogram_quantile\(/,
  buckets: /^sum by \([a-z_, ]+, le\)/,
  callers: /^sum by \([a-z_, ]*destination_workload, response_code\)/,
  increments: /^sum by \([a-z_, ]+, response_code\) .*\[10s\]/,
  requests: /^sum by \([a-z_, ]+, response_code\)/,
};

const healthy: Record<QueryName, Canned> = {
  clock: [[{}, String(someInstant / 1000)]],
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
};

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
