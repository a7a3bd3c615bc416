import { seconds } from './figures.ts';
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
      return `Rolled back ${canary} ${when}: it ${causeOf(reason, verdict, told)}.`;
    case 'advance':
      return `Advanced ${canary} ${when}${reason === 'unproven' ? ', unproven' : ''}.`;
    case 'hold':
      return `Holding ${canary} at ${share} %: ${waitFor(verdict)}.`;
    case 'pause':
      return `Paused ${canary} ${when}: it breaks a limit that asks for a person.`;
    case 'inconclusive':
      return `Nobody can tell about ${canary} ${when}: ${waitFor(verdict)}.`;
    case 'continue':
      return `Watching ${canary} at ${share} %: nothing is proven yet.`;
  }
}

/** Why a canary goes back, as what is said of it: `is worse than stable`. */
export function causeOf(
  reason: Extract<Ruling, { decision: 'rollback' }>['reason'],
  verdict: Pick<Verdict, 'metrics' | 'driver'>,
  { settings }: Pick<Told, 'settings'>,
): string {
  const driver = verdict.metrics[verdict.driver ?? -1];
  const limit = driver?.against === 'limit' ? settings.limits.find(({ id }) => id === driver.id) : undefined;
  const most = seconds(limit?.backstopSeconds ?? settings.backstopSeconds);
  switch (reason) {
    case 'regression':
      return 'is worse than stable';
    case 'limit':
      return 'breaks a limit';
    case 'backstop':
      return `was over a limit for ${most}, and stable was not`;
    case 'trafficMismatch':
      return 'does not get the requests of its share';
    case 'environmentLimit':
      return `was over a limit for ${most}, as stable was, and nobody waits longer for that to end`;
  }
}

const waits = {
  noTraffic: 'it gets too few requests to judge',
  noData: 'the metrics of canary or stable are missing',
  environment: 'stable is over the limit, too, so the cause is not the canary alone',
  suspicion: 'there is some evidence against it, too little to roll back',
  breach: 'it is over a limit, not long enough to roll back',
};

/** What is waited for, or why nobody can tell; nothing where nothing is. */
export function waitFor(verdict: Verdict): string {
  const { reason } = verdict.ruling;
  return isWait(reason) ? waits[reason] : '';
}

function isWait(reason: Ruling['reason']): reason is keyof typeof waits {
  return reason in waits;
}
