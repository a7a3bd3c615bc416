import { whyOf } from '../analysis/sequential/words.ts';
import * as because from './because.ts';
import { enoughRequests } from './evidence.ts';
import type { Finding, Guarded } from './finding.ts';
import type { JudgeMemory } from './judge-memory.ts';
import { judgeSettingsOf } from './judge-settings.ts';
import { watchedSeconds } from './plan-parts.ts';
import type { HoldReason } from './reasons.ts';
import { type Rollout, stepAt } from './rollout.ts';
import { nameOf } from './rule-checks.ts';
import { positionOf } from './state.ts';
import type { Millis } from './units.ts';

/** How long evidence that is not enough is watched where no step says it, in seconds. */
const usualSeconds = 300;

type Verdict = NonNullable<JudgeMemory['verdict']>;

/** The sequential judge has enough against the canary. */
export function judgedBack(guarded: Guarded): Finding | null {
  const found = verdictIn(guarded);
  if (found === null || found.ruling.decision !== 'rollback') return null;
  const { reason: ruling } = found.ruling;
  const why = whyJudged(guarded, found);
  const { share } = guarded.facts;
  const queries = guarded.watch.judge?.queries ?? [];
  return { kind: 'rollback', cause: { kind: 'judged', ruling, why, share, verdict: found, queries } };
}

/** What stable shares, and what is not enough to go back. */
export function judgedHold(guarded: Guarded): Finding | null {
  const found = verdictIn(guarded);
  if (found === null || found.ruling.decision !== 'hold') return null;
  const { reason } = found.ruling;
  return reason === 'environment' || reason === 'suspicion' ? holding(guarded, reason, found) : null;
}

/** A share that brings too few requests to tell anything, by the time that the step is over at the latest. */
export function judgedNoTraffic(guarded: Guarded): Finding | null {
  const found = verdictIn(guarded);
  if (found === null) return null;
  const isIdle = found.ruling.reason === 'noTraffic';
  return isIdle || isOverTooSoon(guarded, found) ? holding(guarded, 'noTraffic', found) : null;
}

function verdictIn({ watch }: Guarded): Verdict | null {
  return watch.judge?.verdict ?? null;
}

function isOverTooSoon({ rollout, now }: Guarded, { split }: Verdict): boolean {
  const position = positionOf(rollout.state);
  if (position === null || split.canary >= enoughRequests) return false;
  const seconds = watchedSeconds(stepAt(rollout, position));
  const stoodStill = rollout.state.kind === 'holding' ? now - rollout.state.since : 0;
  return seconds !== null && now - position.startedAt - stoodStill >= seconds * 1000;
}

type Ruling = Extract<HoldReason, { kind: 'judged' }>['ruling'];

function holding(guarded: Guarded, ruling: Ruling, verdict: Verdict): Finding {
  const { rollout, now } = guarded;
  const since = sinceIn(rollout, ruling) ?? now;
  const until = untilIn(rollout, { ruling, verdict }, since);
  const why = whyJudged(guarded, { ...verdict, ruling: { decision: 'hold', reason: ruling } });
  return { kind: 'hold', reason: { kind: 'judged', ruling, why, since, until, verdict } };
}

function sinceIn({ state }: Rollout, ruling: Ruling): Millis | null {
  if (state.kind !== 'holding' || state.reason.kind !== 'judged') return null;
  return state.reason.ruling === ruling ? state.reason.since : null;
}

/** Suspicion waits for as long again as the step lasts, what stable shares for as long as a limit may be broken. */
function untilIn(
  rollout: Rollout,
  { ruling, verdict }: { ruling: Ruling; verdict: Verdict },
  since: Millis,
): Millis | null {
  if (ruling === 'noTraffic') return null;
  if (ruling === 'environment') return since + backstopSeconds(rollout, verdict) * 1000;
  const position = positionOf(rollout.state);
  const step = position === null ? null : watchedSeconds(stepAt(rollout, position));
  return since + (step ?? usualSeconds) * 1000;
}

/** How long the limit that stable is over, too, may be broken. */
function backstopSeconds({ plan }: Rollout, { metrics, driver }: Verdict): number {
  const { limits, backstopSeconds: usual } = judgeSettingsOf(plan);
  const id = metrics[driver ?? -1]?.id;
  return limits.find((limit) => limit.id === id)?.backstopSeconds ?? usual;
}

/** What the judge found, in its own words. */
export function whyJudged({ rollout, facts, now }: Guarded, verdict: Verdict): string {
  const { target, traffic, plan } = rollout;
  const stepSeconds = Math.max(0, now - traffic.appliedAt) / 1000;
  const settings = judgeSettingsOf(plan);
  const why = whyOf(verdict, { canary: target.canary.version, share: facts.share, stepSeconds, settings });
  const check = plan.checks[verdict.metrics[verdict.driver ?? -1]?.id ?? ''];
  const rule = check === undefined || check.metric === 'custom' ? undefined : check.fromRule;
  return rule === undefined ? why : `${why} The limit is that of ${because.ruleNamed(nameOf(rule))}.`;
}
