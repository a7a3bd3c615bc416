import type { Check } from '../rollout/plan-parts.ts';
import type { CheckResult } from '../rollout/rollout.ts';

type Reading = CheckResult['canary'];
type Unit = NonNullable<Extract<Reading, { kind: 'value' }>['unit']>;

/** What the values of a check count in; of a custom one as its template says, so null before it was measured. */
export function unitOf(metric: Check['metric'], measured: Reading[]): Unit | null {
  if (metric !== 'custom') return metric === 'errorRate' ? 'ratio' : 'ms';
  return (
    measured.flatMap((one) => (one.kind === 'value' && one.unit !== undefined ? [one.unit] : []))[0] ?? null
  );
}
