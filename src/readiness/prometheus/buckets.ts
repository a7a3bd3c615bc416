import { defineCheck } from '../check.ts';
import type { Failure, Judgement } from '../finding.ts';
import { bounded, error, orPass, pass, skip, unknown, warn } from '../judgement.ts';
import type { PlannedCheck, StableSurvey, Subject, SurveyedCheck } from '../snapshot.ts';
import { withBucketsAt } from './bucket-mend.ts';

/**
 * A quantile above the last finite bound is answered as that bound, and one between two bounds is interpolated.
 * Source: https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile
 */
export const limitsInBuckets = defineCheck({
  id: 'PF-PR-05',
  title: 'Every P99 limit is a bound of the latency histogram',
  family: 'prometheus',
  priority: 'P0',
  codes: [],
  again: false,
  severity: 'error',
  needs: ['survey'],
  judge: ({ survey }, subject) => {
    const latency = subject.checks.filter(({ metric }) => metric === 'p99LatencyMs');
    if (latency.length === 0) return [skip('the plan limits no P99 latency')];
    const judged = latency.map((check) => judgeOne(check, survey, subject));
    const failures = judged.flatMap((one) => (one.result === 'fail' ? [one] : []));
    const unsure = judged.flatMap((one) => (one.result === 'unknown' ? [one] : []));
    const wrong = [...bounded(heaviestFirst(failures)), ...unsure];
    if (wrong.length === 0 && judged.every(({ result }) => result === 'skip')) return [skip(readsOf(judged))];
    return orPass(wrong, readsOf(judged));
  },
});

function readsOf(judged: readonly Judgement[]): string {
  return judged.map(({ read }) => read).join('; ');
}

function heaviestFirst(failures: readonly Failure[]): Failure[] {
  const errors = failures.filter(({ severity }) => severity === 'error');
  return [...errors, ...failures.filter(({ severity }) => severity !== 'error')];
}

function judgeOne(check: PlannedCheck, survey: StableSurvey, subject: Subject): Judgement {
  const found = survey.checks.find(({ id }) => id === check.id);
  const bounds = (found?.boundsMs ?? []).filter(Number.isFinite).toSorted((one, other) => one - other);
  const last = bounds.at(-1);
  if (last === undefined) return withoutBounds(check, found);
  const { id, max } = check;
  if (bounds.includes(max))
    return pass(`check ${id}: the limit of ${max} ms is a bound of stable's histogram`);
  if (max > last) return aboveAll(check, { last, bounds, subject });
  return inside(check, { last, bounds, subject });
}

/** A native histogram answers a P99 and shows no bounds: its buckets are fine enough for any limit. */
function withoutBounds({ id, max }: PlannedCheck, found: SurveyedCheck | undefined): Judgement {
  if (found !== undefined && found.value !== null && Number.isFinite(found.value)) {
    return skip(`check ${id}: the limit of ${max} ms needs no bound, because the histogram is a native one`);
  }
  const read = `check ${id}: no bucket of stable's latency was seen, so that nobody knows where the limit of ${max} ms lies`;
  const query = found === undefined ? '' : `; the query must answer: ${found.query}`;
  return unknown(read, `send requests to stable and ask again${query}`);
}

type Place = { last: number; bounds: readonly number[]; subject: Subject };

function aboveAll({ id, max }: PlannedCheck, { last, bounds, subject }: Place): Failure {
  const { version } = subject.canary;
  return error({
    read: `check ${id}: the limit is ${max} ms, and the last finite bucket of stable's latency ends at ${last} ms`,
    means: `Prometheus answers ${last} ms for every P99 above it: whether ${version} takes ${max} ms or ten times as long cannot be seen, so that it would not be turned back for it`,
    mend: `in the plan, set the limit of check ${id} to at most ${last} ms; or ${withBucketsAt(bounds, subject)}`,
  });
}

function inside({ id, max }: PlannedCheck, { bounds, subject }: Place): Failure {
  const { version } = subject.canary;
  const lower = bounds.findLast((bound) => bound < max) ?? 0;
  const upper = bounds.find((bound) => bound > max) ?? max;
  const bound = lower > 0 ? `${lower} or ${upper} ms` : `${upper} ms`;
  return warn({
    read: `check ${id}: the limit of ${max} ms lies inside the bucket from ${lower} to ${upper} ms of stable's latency`,
    means: `a P99 in there is interpolated: all that is known of ${version} near its limit is that it takes between ${lower} and ${upper} ms, so that it is turned back only if it is also worse than stable`,
    mend: `in the plan, set the limit of check ${id} to ${bound}; or ${withBucketsAt(bounds, subject)}`,
  });
}
