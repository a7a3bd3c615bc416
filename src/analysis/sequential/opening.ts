import { seconds } from './figures.ts';
import { suspicious } from './rule.ts';
import type { JudgeSettings } from './settings.ts';
import type { Ruling, Verdict } from './verdict.ts';

/** What a sentence needs beside the verdict: `share` in percent, and seconds since the canary got it. */
export type Told = {
  canary: string;
  share: number;
  stepSeconds: number;
  settings: JudgeSettings;
};

/** What was done, when, and why in a few words. */
export function opening(verdict: Verdict, told: Told): string {
  const { decision, reason } = verdict.ruling;
  const { canary, share, stepSeconds } = told;
  const when = `${seconds(stepSeconds)} after it got ${share} %`;
  switch (decision) {
    case 'rollback':
      return `Rolled back ${canary} ${when}: ${causeOf(reason, told)}.`;
    case 'advance':
      return `Advanced ${canary} ${when}${reason === 'unproven' ? ', unproven' : ''}.`;
    case 'hold':
      return `Holding ${canary} at ${share} %: ${waitFor(verdict, reason)}.`;
    case 'inconclusive':
      return `Nobody can tell about ${canary} ${when}: ${waitFor(verdict, reason)}.`;
    case 'continue':
      return `Watching ${canary} at ${share} %: nothing is proven yet.`;
  }
}

function causeOf(reason: Extract<Ruling, { decision: 'rollback' }>['reason'], { settings }: Told): string {
  const most = seconds(settings.backstopSeconds);
  switch (reason) {
    case 'regression':
      return 'it is worse than stable';
    case 'limit':
      return 'it breaks a limit';
    case 'backstop':
      return `it was over a limit for ${most}, and stable was not`;
    case 'trafficMismatch':
      return 'its requests do not reach it';
    case 'environmentLimit':
      return `stable was over the limit, too, for ${most}, and nobody waits longer for that to end`;
  }
}

const waits = {
  noTraffic: 'it gets too few requests to judge',
  noData: 'the metrics of canary or stable are missing',
  environment: 'stable is over the limit, too, so the cause is not the canary alone',
  suspicion: 'there is some evidence against it, too little to roll back',
};

function waitFor(verdict: Verdict, reason: keyof typeof waits): string {
  if (reason !== 'suspicion' || verdict.evidence >= suspicious) return waits[reason];
  return 'it is over a limit, not long enough to roll back';
}
