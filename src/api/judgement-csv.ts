import { type Cell, tableOf } from './csv.ts';
import type { JudgedMetricOnWire, PolledJudgementOnWire } from './judgement-wire.ts';

type Column<Row> = Record<string, (row: Row) => Cell>;

const heads: Column<PolledJudgementOnWire> = {
  at: ({ at }) => at,
  step: ({ step }) => step,
  weight: ({ weight }) => weight,
  decision: ({ ruling }) => ruling.decision,
  reason: ({ ruling }) => ruling.reason,
  evidence: ({ evidence }) => evidence,
  needed: ({ needed }) => needed,
  harmed_requests: ({ harmedRequests }) => harmedRequests,
  step_canary_requests: ({ split }) => split.canary,
  step_stable_requests: ({ split }) => split.stable,
  split_evidence: ({ split }) => split.evidence,
};

const ofMetric: Column<JudgedMetricOnWire> = {
  bound_ms: ({ boundMs }) => boundMs,
  canary_bad: ({ canary }) => canary.bad,
  canary_requests: ({ canary }) => canary.requests,
  canary_rate: ({ canary }) => canary.rate,
  canary_lower: ({ canary }) => canary.lower,
  canary_upper: ({ canary }) => canary.upper,
  stable_bad: ({ stable }) => stable.bad,
  stable_requests: ({ stable }) => stable.requests,
  stable_rate: ({ stable }) => stable.rate,
  stable_lower: ({ stable }) => stable.lower,
  stable_upper: ({ stable }) => stable.upper,
  excess: ({ excess }) => excess.value,
  excess_lower: ({ excess }) => excess.lower,
  excess_upper: ({ excess }) => excess.upper,
  tolerated: ({ tolerated }) => tolerated,
  evidence: ({ evidence }) => evidence,
  noise_factor: ({ noiseFactor }) => noiseFactor,
};

/**
 * Judgements as RFC 4180, a line for each poll. The columns are those of both comparisons with stable and of each of
 * the `limits`, so that every file of a rollout has the same; a metric that a poll did not judge is empty.
 */
export function judgementsCsv(rows: PolledJudgementOnWire[], limits: readonly string[]): string {
  const metrics: Column<PolledJudgementOnWire>[] = [
    metricColumns('error_rate', 'stable', 'errorRate'),
    metricColumns('latency', 'stable', 'latency'),
    ...limits.map((id) => metricColumns(`limit_${id}`, 'limit', id)),
  ];
  return tableOf({ ...heads, ...Object.assign({}, ...metrics) }, rows);
}

/** A check may be called as a comparison is, so what it is compared with tells them apart. */
function metricColumns(
  prefix: string,
  against: JudgedMetricOnWire['against'],
  id: string,
): Column<PolledJudgementOnWire> {
  const find = ({ metrics }: PolledJudgementOnWire) =>
    metrics.find((metric) => metric.against === against && metric.id === id);
  return Object.fromEntries(
    Object.entries(ofMetric).map(([name, cell]) => [
      `${prefix}_${name}`,
      (row: PolledJudgementOnWire) => {
        const metric = find(row);
        return metric === undefined ? null : cell(metric);
      },
    ]),
  );
}
