/** What is true of one service at this moment. */
export type ServiceNow = { canaryShare: number; isBreaching: boolean };

/** A query of canaryd as far as an answer depends on it. `seconds` is the range of its counters. */
type Question = { kind: Kind; namespace: string; names: string[]; isOfSeveral: boolean; seconds: number };
/** The same about one service; its rows name it when several are asked for. */
type Single = Omit<Question, 'names'> & { name: string };
type Kind = 'requests' | 'p99' | 'buckets' | 'callers' | 'newest' | 'seenLately';
type Sample = { metric: Record<string, string>; value: [number, string] };

const requestsPerSecond = 4000;
/** Above the limit of 1 %, below what sends a rollout back without a second look. */
const breachRatio = 0.08;
const p99Ms = 120;

/** Istio's own bounds, in ms: https://istio.io/latest/docs/reference/config/metrics/ */
const bounds = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000,
  3_600_000,
];

/** What rows are grouped by tells the queries apart; one about several services groups by their name as well. */
const kinds: [start: RegExp, kind: Kind][] = [
  [/^histogram_quantile\(/, 'p99'],
  [/^sum by \((destination_service_name, )?destination_version, le\)/, 'buckets'],
  [
    /^sum by \((destination_service_name, )?destination_version, response_code, grpc_response_status, response_flags\)/,
    'requests',
  ],
  [
    /^sum by \((destination_service_name, )?destination_version, destination_workload, response_code, grpc_response_status, response_flags\)/,
    'callers',
  ],
  [/^max by \((destination_service_name, )?destination_version\) \(timestamp\(/, 'newest'],
  [/^count by \((destination_service_name, )?destination_version\)/, 'seenLately'],
];

/**
 * Answers a query of canaryd, as `src/metrics/promql.ts` writes it, at `at` in Unix seconds: 4,000 requests a second
 * and split as the mesh splits them, healthy but for services that breach. Null for a query that it does not know.
 */
export function answerQuery(
  query: string,
  at: number,
  serviceNow: (namespace: string, name: string) => ServiceNow,
): string | null {
  if (query === 'time()') return success('scalar', [at, String(at)]);
  const asked = readQuery(query);
  if (asked === null) return null;
  const samples = asked.names.flatMap((name) =>
    samplesOf({ ...asked, name }, serviceNow(asked.namespace, name), at),
  );
  return success('vector', samples);
}

function success(resultType: string, result: unknown): string {
  return JSON.stringify({ status: 'success', data: { resultType, result } });
}

function readQuery(query: string): Question | null {
  const found = kinds.find(([start]) => start.test(query));
  const namespace = /destination_service_namespace="([^"]+)"/.exec(query)?.[1];
  const [, operator, named] = /destination_service_name(=~?)"([^"]+)"/.exec(query) ?? [];
  if (found === undefined || namespace === undefined || named === undefined) return null;
  const isOfSeveral = operator === '=~';
  const names = isOfSeveral ? named.replaceAll('[.]', '.').split('|') : [named];
  const [, count, unit] = /\[(\d+)(ms|s)\]/.exec(query) ?? [];
  const seconds = Number(count ?? 0) / (unit === 'ms' ? 1000 : 1);
  return { kind: found[1], namespace, names, isOfSeveral, seconds };
}

/** One arm's part of the traffic; an arm without requests has no series. */
type Arm = { version: string; requests: number; errors: number; newest: number };

function armsOf({ seconds }: Single, { canaryShare, isBreaching }: ServiceNow, at: number): Arm[] {
  const all = requestsPerSecond * seconds;
  const canary = (all * canaryShare) / 100;
  const newest = at - 1;
  const errors = isBreaching ? canary * breachRatio : 0;
  const arms = [
    { version: 'v1', share: 100 - canaryShare, requests: all - canary, errors: 0, newest },
    { version: 'v2', share: canaryShare, requests: canary, errors, newest },
  ];
  return arms.filter(({ share }) => share > 0);
}

function samplesOf(asked: Single, service: ServiceNow, at: number): Sample[] {
  const sample = (labels: Record<string, string>, value: number): Sample => ({
    metric: labels,
    value: [at, String(value)],
  });
  return armsOf(asked, service, at).flatMap((arm) => ofArm(asked, arm, sample));
}

type SampleOf = (labels: Record<string, string>, value: number) => Sample;

function ofArm({ kind, name, isOfSeveral }: Single, arm: Arm, sample: SampleOf): Sample[] {
  const service = isOfSeveral ? { destination_service_name: name } : {};
  const labels = { ...service, destination_version: arm.version };
  switch (kind) {
    case 'requests':
      return byCode(arm, labels, sample);
    case 'callers':
      return byCode(arm, { ...labels, destination_workload: `${name}-${arm.version}` }, sample);
    case 'p99':
      return [sample(labels, p99Ms)];
    case 'buckets':
      return buckets(arm, labels, sample);
    case 'newest':
      return [sample(labels, arm.newest)];
    case 'seenLately':
      return [sample(labels, 1)];
  }
}

function buckets({ requests }: Arm, labels: Record<string, string>, sample: SampleOf): Sample[] {
  const finite = bounds.map((bound) => sample({ ...labels, le: String(bound) }, requests * below(bound)));
  return [...finite, sample({ ...labels, le: '+Inf' }, requests)];
}

function byCode({ requests, errors }: Arm, labels: Record<string, string>, sample: SampleOf): Sample[] {
  const fine = sample({ ...labels, response_code: '200' }, requests - errors);
  return errors > 0 ? [fine, sample({ ...labels, response_code: '503' }, errors)] : [fine];
}

/** The part of all requests that is answered within a bound: 99 % of them in 120 ms. */
function below(boundMs: number): number {
  return 1 - Math.exp((Math.log(0.01) * boundMs) / p99Ms);
}
