import { breaksLimit } from '../analysis/sequential/rule.ts';
import { isBreaking, isShared } from '../analysis/sequential/stretch.ts';
import { whyOf } from '../analysis/sequential/words.ts';
import { acknowledgedIn } from './acknowledged.ts';
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
  if (found === null) return null;
  const { decision, reason } = found.ruling;
  if (decision === 'hold' && isHold(reason)) return holding(guarded, reason, found);
  return isBakeOver(guarded) && breaksNow(guarded) ? holding(guarded, 'breach', found) : null;
}

function breaksNow({ rollout, watch: { judge } }: Guarded): boolean {
  return judge?.state != null && breaksLimit(judge.state, acknowledgedIn(rollout));
}

/** A share that brings too few requests to tell anything, by the time that the step is over at the latest. */
export function judgedNoTraffic(guarded: Guarded): Finding | null {
  const found = verdictIn(guarded);
  if (found === null) return null;
  const isIdle = found.ruling.reason === 'noTraffic';
  const isOverTooSoon = found.split.canary < enoughRequests && isBakeOver(guarded);
  return isIdle || isOverTooSoon ? holding(guarded, 'noTraffic', found) : null;
}

function verdictIn({ watch }: Guarded): Verdict | null {
  return watch.judge?.verdict ?? null;
}

/** Whether the time of the present step is over; what it was held for does not count. */
function isBakeOver({ rollout, now }: Guarded): boolean {
  const position = positionOf(rollout.state);
  if (position === null) return false;
  const seconds = watchedSeconds(stepAt(rollout, position));
  const stoodStill = rollout.state.kind === 'holding' ? now - rollout.state.since : 0;
  return seconds !== null && now - position.startedAt - stoodStill >= seconds * 1000;
}

type Ruling = Extract<HoldReason, { kind: 'judged' }>['ruling'];

/** Missing data is for another guard, and traffic for another one yet. */
function isHold(reason: Verdict['ruling']['reason']): reason is Exclude<Ruling, 'noTraffic'> {
  return reason === 'environment' || reason === 'suspicion' || reason === 'breach';
}

function holding(guarded: Guarded, ruling: Ruling, verdict: Verdict): Finding {
  const { rollout, now } = guarded;
  const since = sinceIn(rollout, ruling) ?? now;
  const until = untilIn(guarded, ruling, since);
  const why = whyJudged(guarded, { ...verdict, ruling: { decision: 'hold', reason: ruling } });
  return { kind: 'hold', reason: { kind: 'judged', ruling, why, since, until, verdict } };
}

function sinceIn({ state }: Rollout, ruling: Ruling): Millis | null {
  if (state.kind !== 'holding' || state.reason.kind !== 'judged') return null;
  return state.reason.ruling === ruling ? state.reason.since : null;
}

/** When a hold leads further: suspicion waits for as long again as the step lasts. */
function untilIn(guarded: Guarded, ruling: Ruling, since: Millis): Millis | null {
  if (ruling === 'noTraffic') return null;
  if (ruling === 'environment') return sharedUntil(guarded);
  if (ruling === 'breach') return breachUntil(guarded);
  const { state } = guarded.rollout;
  const position = positionOf(state);
  const step = position === null ? null : watchedSeconds(stepAt(guarded.rollout, position));
  return since + (step ?? usualSeconds) * 1000;
}

/** What stable shares leads back once it has lasted as long as its limit may be broken; null while nobody says it lasts. */
function sharedUntil({ watch: { judge } }: Guarded): Millis | null {
  const shared = judge?.state?.limits.filter(isShared) ?? [];
  const left = shared.map(({ backstopSeconds, outage }) => ({
    outage,
    seconds: backstopSeconds - outage.seconds,
  }));
  return soonest(
    judge,
    left.filter(({ outage }) => outage.seconds > 0),
  );
}

/** A limit that only the canary breaks leads further once that has lasted for as long as it may. */
function breachUntil({ watch: { judge } }: Guarded): Millis | null {
  const broken = judge?.state?.limits.filter(isBreaking) ?? [];
  return soonest(
    judge,
    broken.map(({ backstopSeconds, breach }) => ({ seconds: backstopSeconds - breach.seconds })),
  );
}

function soonest(judge: JudgeMemory | null, left: { seconds: number }[]): Millis | null {
  if (judge === null || left.length === 0) return null;
  return judge.countedAt + Math.max(0, Math.min(...left.map(({ seconds }) => seconds))) * 1000;
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
