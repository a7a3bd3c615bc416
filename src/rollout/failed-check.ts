import { judge } from '../analysis/threshold.ts';
import { type Check, limitIn } from './plan-parts.ts';
import type { Cause } from './reasons.ts';
import type { CheckResult } from './rollout.ts';
import { nameOf } from './rule-checks.ts';

type Breached = Extract<Cause, { kind: 'check' }>;

/** What a check found that failed as often in a row as the plan says, for reasons of the canary's own; null otherwise. */
export function breachIn(id: string, check: Check, result: CheckResult): Breached | null {
  if (result.failuresInARow < check.failures) return null;
  const judgement = judge(check, result);
  if (judgement.kind !== 'breach') return null;
  const { value, stable, requests, bucket } = judgement;
  const facts = {
    bucket,
    check: id,
    ...metricOf(check, result),
    limit: limitIn(check),
    windowSeconds: check.window,
    failures: result.failuresInARow,
  };
  return { kind: 'check', value, stable, requests, ...facts };
}

/** What was measured, as a cause or a reason keeps it. */
export function metricOf(
  check: Check,
  { canary }: CheckResult,
): Pick<Breached, 'metric' | 'rule' | 'unit' | 'breach'> {
  if (check.metric !== 'custom') {
    return { metric: check.metric, ...(check.fromRule && { rule: nameOf(check.fromRule) }) };
  }
  const unit = canary.kind === 'value' && canary.unit !== undefined ? { unit: canary.unit } : {};
  return { metric: 'custom', ...unit, breach: check.min === undefined ? 'above' : 'below' };
}
