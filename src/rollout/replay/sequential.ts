import { openJudge } from '../../analysis/sequential/open-judge.ts';
import type { JudgeSettings } from '../../analysis/sequential/settings.ts';
import type { JudgeState } from '../../analysis/sequential/state.ts';
import type { Ruling } from '../../analysis/sequential/verdict.ts';
import { verdictOf } from '../../analysis/sequential/verdict-of.ts';
import { type Judged, withPoll } from '../../analysis/sequential/with-poll.ts';
import { sentenceOf } from '../../analysis/sequential/words.ts';
import type { Recording } from './recording.ts';
import type { Placed } from './stages.ts';

/**
 * What the sequential judge rules at a poll: `evidence` is that against "the canary is fine", `loudest` what speaks
 * most against it: `errorRate` or `latency` beside stable, `limit:<check>`, or how requests are split.
 */
export type SequentialLine = {
  decision: Ruling['decision'];
  reason: Ruling['reason'];
  evidence: number;
  loudest: string;
};

export type SequentialLook = { line: SequentialLine; state: JudgeState };

/** The judge before the first poll. */
export function openSequential({ boundsMs, baseline }: Recording, settings: JudgeSettings): JudgeState {
  return openJudge({ boundsMs, pods: baseline.pods }, settings);
}

/** The ruling on one recorded poll. */
export function lookSequentially(
  before: JudgeState,
  { poll, step, stepSeconds, stage }: Placed,
  settings: JudgeSettings,
): SequentialLook {
  const shareIsObservable = stage.managed.length === 0;
  const given = { ...poll, step, stepSeconds, shareIsObservable };
  const judged = withPoll(before, given, settings, { seconds: stage.bakeSeconds });
  const { decision, reason } = judged.ruling;
  const line = { decision, reason, evidence: shortened(judged.evidence), loudest: loudestIn(judged) };
  return { line, state: judged.state };
}

/** What was ruled at the last look, for an engineer on call. */
export function sequentialSentence(
  { state }: SequentialLook,
  { poll, stepSeconds, stage }: Placed,
  settings: JudgeSettings,
): string {
  const verdict = verdictOf(state, settings, { seconds: stage.bakeSeconds });
  return sentenceOf(verdict, { canary: 'the canary', share: poll.share, stepSeconds, settings });
}

/** The digits behind these depend on the machine. */
function shortened(evidence: number): number {
  return Number(evidence.toPrecision(6));
}

function loudestIn({ driver, state }: Judged): string {
  if (driver.kind === 'limit') return `limit:${state.limits[driver.index]?.id ?? ''}`;
  return driver.kind === 'errors' ? 'errorRate' : driver.kind;
}
