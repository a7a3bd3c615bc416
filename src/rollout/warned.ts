import { acknowledgedIn } from './acknowledged.ts';
import * as because from './because.ts';
import { judgedByLimit } from './evidence.ts';
import { breachIn } from './failed-check.ts';
import type { Finding, Guarded } from './finding.ts';
import { whyJudged } from './judged-guards.ts';
import { warningsIn } from './plan-parts.ts';
import { canaryd } from './reasons.ts';

/** The sequential judge has enough against the canary at a limit that asks a person. */
export function judgedWarning(guarded: Guarded): Finding | null {
  const verdict = guarded.watch.judge?.verdict ?? null;
  if (verdict?.ruling.decision !== 'pause') return null;
  const check = verdict.metrics[verdict.driver ?? -1]?.id;
  if (check === undefined || acknowledgedIn(guarded.rollout).includes(check)) return null;
  const why = whyJudged(guarded, verdict);
  return { kind: 'pause', reason: { kind: 'warning', check, why, verdict } };
}

/** A check of severity `warning` failed as often as the plan says, at this share, and nobody has gone on in spite of it. */
export function failedWarning({ rollout, watch }: Guarded): Finding | null {
  const acknowledged = acknowledgedIn(rollout);
  for (const [check, one] of Object.entries(warningsIn(judgedByLimit(rollout)))) {
    const result = watch.results[check];
    if (result === undefined || acknowledged.includes(check)) continue;
    const cause = result.at < rollout.traffic.appliedAt ? null : breachIn(check, one, result);
    if (cause === null) continue;
    const why = because.cause(cause, canaryd);
    return { kind: 'pause', reason: { kind: 'warning', check, why, verdict: null } };
  }
  return null;
}
