import { withErrors, withLatency } from './compare.ts';
import { logFactorAgainstSplit } from './count-evidence.ts';
import { type Driver, evidenceOf } from './evidence.ts';
import { withLimit } from './limits.ts';
import { type Look, lookOf } from './look.ts';
import { fromLog } from './mixture.ts';
import type { Poll } from './poll.ts';
import { ruleOn, withoutAcknowledged } from './rule.ts';
import type { JudgeSettings } from './settings.ts';
import type { JudgeState } from './state.ts';
import type { Ruling } from './verdict.ts';
import { logWealth, staked } from './wealth.ts';

/** What a poll led to: `evidence` is that against "the canary is fine", of everything together; 1 before any. */
export type Judged = { state: JudgeState; ruling: Ruling; evidence: number; driver: Driver };

/**
 * Judges one poll. `step.seconds` is how long the present step is to last; with 0, or where the caller keeps the time
 * (`isTimed: false`), it never ends by the clock. `settings` must be those the judge was opened with. A poll that is not
 * newer than the last one changes nothing, so one may be given twice. Limits that ask for a person ask no more for those in `step.acknowledged`.
 */
export function withPoll(
  before: JudgeState,
  poll: Poll,
  settings: JudgeSettings,
  step: { seconds: number; isTimed?: boolean; acknowledged?: readonly string[] },
): Judged {
  if (poll.at <= before.at) return judged(before);
  const look = lookOf(before, poll, settings, step);
  if (look === null) return judged(withoutData(before, poll, settings));
  const after = withLook(before, look, poll, settings);
  const clock = step.isTimed === false ? 0 : step.seconds;
  const heeded = withoutAcknowledged(after, step.acknowledged);
  return judged({ ...after, ruling: ruleOn(heeded, settings, clock) });
}

function judged(state: JudgeState): Judged {
  const { log, driver } = evidenceOf(state);
  return { state, ruling: state.ruling, evidence: fromLog(log), driver };
}

/** A poll without data is no failure: the weight stays until there is some, or until nobody can say anything. */
function withoutData(before: JudgeState, { at }: Poll, { noDataSeconds }: JudgeSettings): JudgeState {
  const decision = at - before.dataAt >= noDataSeconds ? 'inconclusive' : 'hold';
  return { ...before, at, lastHadData: false, ruling: { decision, reason: 'noData' } };
}

function withLook(before: JudgeState, look: Look, poll: Poll, settings: JudgeSettings): JudgeState {
  const { canary, stable } = look;
  const expected = Math.max(canary.requests, look.share * (canary.requests + stable.requests));
  const sums = look.isNewStep ? { expected: 0, canary: 0, stable: 0 } : before.step;
  return {
    ...before,
    at: poll.at,
    dataAt: poll.at,
    lastHadData: true,
    looks: before.looks + 1,
    sinceAt: look.isNewSpan ? Math.max(0, before.at) : before.sinceAt,
    errors: withErrors(before.errors, look, settings),
    latency: withLatency(before.latency, look, settings),
    limits: before.limits.map((limit) => withLimit(limit, look, before.boundsMs, settings)),
    split: withSplit(before.split, look),
    silence: look.silence,
    expected: before.expected + expected,
    step: {
      number: poll.step,
      seconds: poll.stepSeconds,
      expected: sums.expected + expected,
      canary: sums.canary + canary.requests,
      stable: sums.stable + stable.requests,
    },
  };
}

/** What one look may lead to, of what it may elsewhere: three have to say so, since lost counts look the same. */
const splitMost = 0.6;

/** The requests right after a change of the weights were still divided by the old ones. */
function withSplit(before: JudgeState['split'], look: Look): JudgeState['split'] {
  const { share, isSettled, canary, stable, fresh, most } = look;
  const factor = isSettled ? logFactorAgainstSplit(canary.requests, stable.requests, share) : 0;
  const stakes = staked(before.stakes, [factor], { fresh, noise: 1, most: splitMost * most });
  return { stakes, log: logWealth(stakes, look.number), share };
}
