import { count, evidence, percent, points, seconds } from './figures.ts';
import { causeOf, opening, type Told, waitFor } from './opening.ts';
import type { JudgeSettings } from './settings.ts';
import type { Counted, MetricVerdict, Verdict } from './verdict.ts';

/** What an engineer on call wants to read about a verdict: what was done, by which figures, and how sure it is. */
export function sentenceOf(verdict: Verdict, told: Told): string {
  return [opening(verdict, told), ...body(verdict, told), ...unjudged(verdict)].join(' ');
}

/** Why a canary goes back, waits or may go on, with its figures: what `sentenceOf` says without what was done. */
export function whyOf(verdict: Verdict, told: Told): string {
  return [`${reasonOf(verdict, told)}.`, ...body(verdict, told), ...unjudged(verdict)].join(' ');
}

function reasonOf(verdict: Verdict, told: Told): string {
  const { ruling } = verdict;
  switch (ruling.decision) {
    case 'rollback':
      return `the canary ${causeOf(ruling.reason, verdict, told)}`;
    case 'advance':
      return ruling.reason === 'provenHealthy' ? 'the canary is held to be healthy' : 'nothing is proven';
    case 'continue':
      return 'nothing is proven yet';
    case 'pause':
      return 'the canary breaks a limit that asks for a person';
    case 'hold':
    case 'inconclusive':
      return waitFor(verdict);
  }
}

function body(verdict: Verdict, told: Told): string[] {
  const { ruling } = verdict;
  const driver = verdict.metrics[verdict.driver ?? -1];
  if (ruling.reason === 'noData') return [];
  if (ruling.reason === 'provenHealthy') return proof(verdict, told);
  if (ruling.reason === 'trafficMismatch') return mismatch(verdict, told);
  if (driver === undefined) return sight(verdict);
  return [...figuresOf(driver, told), ...certainty(verdict, driver, told), ...harm(verdict)];
}

function figuresOf(metric: MetricVerdict, { settings }: Told): string[] {
  const level = percent(1 - settings.falseRollbackRate);
  const canary = `${subject(metric)} of the canary ${armWords(metric.canary, `${level} band `)}`;
  const stable = `of stable ${armWords(metric.stable, '')}`;
  return [
    `${canary}, ${stable}.`,
    ...lately(metric),
    metric.against === 'limit' ? limitWords(metric) : excessWords(metric, settings),
  ];
}

/** What the last looks alone show, where that is not the same. */
function lately({ recent, canary }: MetricVerdict): string[] {
  const isSame = recent.canary.requests === canary.requests;
  if (isSame || recent.canary.requests === 0) return [];
  const stable = recent.stable.requests > 0 ? `, of stable ${rateWords(recent.stable)}` : '';
  return [`In the last ${seconds(recent.seconds)} ${rateWords(recent.canary)}${stable}.`];
}

function subject({ metric, boundMs }: MetricVerdict): string {
  return metric === 'errorRate' ? '5xx' : `Requests slower than ${boundMs} ms`;
}

function armWords(arm: MetricVerdict['canary'], label: string): string {
  if (arm.requests === 0) return 'unknown: it had no requests';
  return `${rateWords(arm)} (${label}${percent(arm.rate.lower)} to ${percent(arm.rate.upper)})`;
}

function rateWords({ bad, requests }: Counted): string {
  return `${count(bad)} of ${count(requests)} = ${percent(bad / requests)}`;
}

function limitWords({ metric, tolerated, boundMs }: MetricVerdict): string {
  if (metric === 'errorRate') return `The limit is ${percent(tolerated)}.`;
  return `The limit is ${percent(tolerated)} slower than ${boundMs} ms.`;
}

function excessWords(metric: MetricVerdict, settings: JudgeSettings): string {
  const ratio = metric.toleratedRatio.toFixed(2);
  const plus = points(metric.metric === 'errorRate' ? settings.errors.excess : settings.latency.excess);
  const tolerated = metric.isWidened
    ? `tolerance is widened to ${ratio} x by stable's pods, and ${plus}`
    : `tolerated are ${ratio} times stable and ${plus}`;
  return capital(`${moreWords(metric)}${tolerated}, which is ${percent(metric.tolerated)}.`);
}

/** How much more it is: proven, seen, or seen in the last looks alone. */
function moreWords({ excess, recent }: MetricVerdict): string {
  if (excess.lower > 0) return `that is at least ${points(excess.lower)} more; `;
  const { canary, stable } = recent;
  const late =
    canary.requests > 0 && stable.requests > 0
      ? canary.bad / canary.requests - stable.bad / stable.requests
      : 0;
  if (late > excess.value && late > 0) return `that is lately ${points(late)} more; `;
  return excess.value > 0 ? `that is probably ${points(excess.value)} more; ` : '';
}

function capital(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** How sure it is; nothing where it was not evidence that decided. */
function certainty(
  verdict: Verdict,
  { noiseFactor, noiseFrom, ...metric }: MetricVerdict,
  { settings }: Told,
): string[] {
  const { decision, reason } = verdict.ruling;
  if (reason === 'environment' || reason === 'environmentLimit') return [];
  if (reason === 'backstop') return ['That leads back without any evidence beyond chance.'];
  const isEnough = metric.evidence >= 1 / settings.falseRollbackRate;
  if (reason === 'warning' && !isEnough)
    return ['It has lasted: that asks without any evidence beyond chance.'];
  const needed = count(1 / settings.falseRollbackRate);
  // A limit that asks for a person has evidence of its own.
  const found = reason === 'warning' ? metric.evidence : verdict.evidence;
  return [
    `Evidence ${evidence(found)}${decision === 'rollback' ? ', from more than one scrape' : ''}: ${needed} is needed, where at most 1 in ${needed} canaries within what is tolerated ever gets, however often one looks, if requests are no noisier than noise factor ${noiseFactor.toFixed(1)} (${noiseSources[noiseFrom]}).`,
  ];
}

const noiseSources: Record<MetricVerdict['noiseFrom'], string> = {
  pods: "from stable's own pods",
  assumed: "assumed: stable's history is too short to tell",
  settings: 'set by the plan',
};

/** Only of a canary that is held to be the cause. */
function harm({ ruling, harmedRequests }: Verdict): string[] {
  const harmed = Math.round(harmedRequests);
  if (ruling.decision !== 'rollback' || ruling.reason === 'environmentLimit' || harmed === 0) return [];
  const requests = harmed === 1 ? 'request' : 'requests';
  return [`About ${count(harmed)} ${requests} went wrong because of the canary.`];
}

/** Limits that nobody can judge: whoever reads that a canary went on should know. */
function unjudged({ metrics }: Verdict): string[] {
  const blind = metrics.filter(({ isJudged }) => !isJudged);
  return blind.map(
    ({ id, boundMs }) =>
      `The limit ${id} is not judged: ${boundMs} ms lie above the highest bound of the histogram.`,
  );
}

function proof({ metrics }: Verdict, { settings }: Told): string[] {
  const { confidence, errors, latency } = settings.promote;
  const sure = `with ${percent(confidence)} confidence`;
  const hasLatency = metrics.some(({ metric, against }) => metric === 'latency' && against === 'stable');
  const slow = `, slow requests below ${latency.ratio} times the odds of stable's and ${points(latency.excess)} at the slow bounds of the histogram`;
  return [
    `Errors are proven below ${errors.ratio} times stable's and ${points(errors.excess)}${hasLatency ? slow : ''}, ${sure}.`,
  ];
}

function mismatch({ split, evidence: found }: Verdict, { share, settings }: Told): string[] {
  const all = split.canary + split.stable;
  const got = all > 0 ? percent(split.canary / all) : '0 %';
  return [
    `It got ${count(split.canary)} of ${count(all)} requests, ${got}, where the weights say ${share} %: some callers fail before they reach it, or do not take the weights.`,
    `Evidence ${evidence(found)} (${count(1 / settings.falseRollbackRate)} is needed), from more than one scrape.`,
  ];
}

function sight({ split, detectableErrorRate }: Verdict): string[] {
  const seen = `${count(split.canary)} requests of the canary in this step`;
  if (detectableErrorRate === null) return [`${seen}: no error rate could be seen with so few.`];
  return [`${seen}: by its end it can see an error rate above about ${percent(detectableErrorRate)}.`];
}
