import { defineCheck } from '../check.ts';
import type { Failure, Judgement } from '../finding.ts';
import { bounded, error, orPass, skip, unknown, warn } from '../judgement.ts';
import type { PlannedCheck, StableSurvey, Subject, SurveyedCheck } from '../snapshot.ts';
import { spanOf } from '../time-words.ts';
import { lowestShare, shortestWindow } from './enough.ts';

/**
 * Every request goes to the canary with the probability of its share, so that the canary's requests in a window are
 * stable's rate x share x window: https://en.wikipedia.org/wiki/Poisson_point_process#Thinning
 */
export const enoughRequests = defineCheck({
  id: 'PF-PR-02',
  title: 'Every check finds stable now, and the first share brings enough requests to judge the canary',
  family: 'prometheus',
  priority: 'P0',
  codes: [],
  again: false,
  severity: 'error',
  needs: ['survey'],
  judge: ({ survey }, subject) => {
    if (subject.checks.length === 0) return [skip('the plan has no checks')];
    const judged = subject.checks.map((check) => judgeOne(check, survey, subject));
    const failures = judged.flatMap(({ judgement }) => (judgement?.result === 'fail' ? [judgement] : []));
    const unsure = judged.flatMap(({ judgement }) => (judgement?.result === 'unknown' ? [judgement] : []));
    return orPass([...bounded(failures), ...unsure], judged.map(({ read }) => read).join('; '));
  },
});

type Judged = { judgement: Judgement | null; read: string };

function judgeOne(check: PlannedCheck, survey: StableSurvey, subject: Subject): Judged {
  const found = survey.checks.find(({ id }) => id === check.id);
  if (found === undefined) {
    const read = `check ${check.id} was not asked of Prometheus`;
    return { judgement: unknown(read, 'ask again'), read };
  }
  if (found.unread !== null) {
    const read = `what check ${check.id} asks of stable could not be read: ${found.unread}`;
    return { judgement: unknown(read, `the query must answer: ${found.query}`), read };
  }
  const perSecond = rateOf(found, check, survey);
  const missing = missingIn(found, check, { perSecond, subject });
  return missing === null ? expected(check, perSecond, subject) : { judgement: missing, read: missing.read };
}

/** Requests of stable a second; those of the check's own window where no longer one was read. */
function rateOf({ requests }: SurveyedCheck, { window }: PlannedCheck, survey: StableSurvey): number {
  const perSecond = survey.requestsPerSecond ?? (requests ?? 0) / window;
  return Number.isFinite(perSecond) ? perSecond : 0;
}

type Traffic = { perSecond: number; subject: Subject };

function missingIn(
  found: SurveyedCheck,
  check: PlannedCheck,
  { perSecond, subject }: Traffic,
): Failure | null {
  const { stable, canary } = subject;
  const requests = found.requests ?? 0;
  const nothing = `check ${check.id}: Prometheus has no ${found.requests === null ? 'series' : 'request'} of stable (${stable.version} of ${stable.service.namespace}/${stable.service.name}) in the last ${check.window} s`;
  if (found.requests === null || (requests === 0 && perSecond === 0)) {
    return error({
      read: nothing,
      means: `there is nothing to compare ${canary.version} with, and by the same query nothing would be seen of it: it could neither pass nor be turned back`,
      mend: `send requests to ${stable.service.name}, and see whether its proxies are scraped; the query must answer: ${found.query}`,
    });
  }
  if (requests < check.minRequests || isNumber(found.value)) return null;
  return error({
    read: `check ${check.id}: ${Math.round(requests)} requests of stable (${stable.version}) in the last ${check.window} s, but no ${valueNames[check.metric]}`,
    means: `the same query would say nothing of ${canary.version}: it could neither pass nor be turned back by this check`,
    mend: `the query must answer a number: ${found.query}`,
  });
}

function isNumber(value: number | null): boolean {
  return value !== null && Number.isFinite(value);
}

const valueNames: Record<PlannedCheck['metric'], string> = {
  errorRate: 'ratio of 5xx answers',
  p99LatencyMs: 'P99 latency',
};

function expected(check: PlannedCheck, perSecond: number, subject: Subject): Judged {
  const share = subject.shares.find((one) => one > 0);
  const stable = `stable gets ${rateWords(perSecond)} requests/s`;
  if (share === undefined || subject.shortestBake === null) {
    return { judgement: null, read: `check ${check.id}: ${stable}, and the plan bakes no share` };
  }
  const count = perSecond * (share / 100) * check.window;
  const brings = `check ${check.id}: ${stable}, so that ${share} % brings the canary ${Math.floor(count)} in ${check.window} s`;
  if (count >= check.minRequests)
    return { judgement: null, read: `${brings}; ${check.minRequests} are needed` };
  const judgement = warn({
    read: `${brings}, and ${check.minRequests} are needed`,
    means: `at ${share} % nothing can be said of ${subject.canary.version}: the rollout is held there until more requests come or its deadline of ${spanOf(subject.deadline)} has passed`,
    mend: waysOut(check, { perSecond, share, bake: subject.shortestBake }),
  });
  return { judgement, read: judgement.read };
}

type Place = { perSecond: number; share: number; bake: number };

/** At night a service has few requests: more time or a larger share, or the hour of day. */
function waysOut({ id, window, minRequests }: PlannedCheck, { perSecond, share, bake }: Place): string {
  const seconds = shortestWindow(perSecond, share, minRequests);
  const larger = lowestShare(perSecond, window, minRequests);
  const longer = seconds === null ? [] : [windowWords(seconds, bake)];
  const wider = larger === null ? [] : [`a first share of at least ${larger} %`];
  const ways = [...longer, ...wider].join(', or ');
  const other = 'start when the service has more requests, or lower minRequests';
  return ways === '' ? `check ${id}: ${other}` : `check ${id}: ${ways}; else ${other}`;
}

function windowWords(seconds: number, bake: number): string {
  return seconds > bake
    ? `a window and a bake of at least ${seconds} s (the shortest bake is ${bake} s)`
    : `a window of at least ${seconds} s`;
}

function rateWords(perSecond: number): string {
  return String(Number(perSecond >= 1 ? perSecond.toFixed(1) : perSecond.toPrecision(2)));
}
