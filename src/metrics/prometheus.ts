import { setMaxListeners } from 'node:events';
import type { Measurements } from '../analysis/reading.ts';
import type { MetricsFacts } from '../readiness/sources.ts';
import type { CheckTemplates } from '../rollout/check-template.ts';
import type { RulesRead } from '../rollout/ports/alert-rules.ts';
import type { PolledAlerts } from '../rollout/ports/alerts.ts';
import type { MeasureRequest, Metrics } from '../rollout/ports/metrics.ts';
import type { MetricsQuestion } from '../rollout/ports/readiness.ts';
import { firstOf } from '../signals.ts';
import type { Address } from './address.ts';
import { readAlertRules } from './alert-rules.ts';
import type { Answer, SeriesAnswer } from './answer.ts';
import { type Asking, askingAlone, askingTogether } from './asking.ts';
import { checkProviders } from './check-providers.ts';
import { bytesOfOne, type PrometheusClient, type PrometheusHistory, prometheusClient } from './client.ts';
import { askCustom, type CustomChecks, surveyWithCustom, withCustom } from './custom-checks.ts';
import { firingAlerts } from './firing-alerts.ts';
import { freshArms, hasNoFreshArm, hasStaleArm, withoutFreshArm } from './freshness.ts';
import type { OfPods } from './pod-queries.ts';
import { providerClock, type ServiceSelector, selectService } from './promql.ts';
import { historyQueries, type Question, queriesOf, questionsOf } from './queries.ts';
import { type Answers, measurementsFrom, nothingMeasured } from './readings.ts';
import { askSurroundings } from './surroundings.ts';
import { nothingSurveyed, surveyFrom } from './survey.ts';

export type PrometheusMetricsOptions = Address & {
  /** Seconds between two scrapes of the mesh's proxies. */
  scrapeSeconds: number;
  /** Time for all queries of one measurement together, in ms. */
  deadlineMs?: number;
  /** What custom checks may ask for; nothing when it is left out. */
  checkTemplates?: CheckTemplates;
};

const historyBytes = 4 * bytesOfOne;

type PrometheusReady = { ok: true } | { ok: false; why: string };

export type PrometheusMetrics = Metrics & {
  /** Whether the provider answers queries; for the readiness page. */
  ready(signal: AbortSignal): Promise<PrometheusReady>;
  /** What it tells of a target beside the checks of its plan, as far as that is wanted; never throws. */
  facts(question: MetricsQuestion, signal: AbortSignal): Promise<MetricsFacts>;
  /** The alerts that fire in it, of all clusters that it knows; never throws. */
  alerts(): ReturnType<PolledAlerts['firing']>;
  /** Its alert rules; never throws. */
  alertRules(signal: AbortSignal): Promise<RulesRead>;
};

/**
 * Measures Istio's standard metrics in any provider with Prometheus's query API. All queries of a measurement run
 * side by side at the same instant and end together at the deadline; measurements of one namespace at one instant
 * share their queries, as `askingTogether` says. Throws `configuration` for an address that is no URL; measuring
 * itself never throws.
 */
export function prometheusMetrics(options: PrometheusMetricsOptions): PrometheusMetrics {
  const { scrapeSeconds, deadlineMs = 3000, checkTemplates = {} } = options;
  const client = prometheusClient(options);
  const alone = askingAlone(client);
  const withOthers = askingTogether(client, deadlineMs);
  const inTime = (signal: AbortSignal) => withDeadline(signal, deadlineMs);
  const pollOf = (asking: Asking, selector: ServiceSelector, request: MeasureRequest, signal: AbortSignal) =>
    askAll({ asking, client, selector, request, scrapeSeconds, signal: inTime(signal) });
  const custom = openCustom(checkTemplates, client);
  const askOthers = (request: MeasureRequest, signal: AbortSignal) =>
    askCustom(custom, request, inTime(signal));
  return {
    checkTemplates,
    scrapeSeconds: () => scrapeSeconds,
    measure: async (request, signal) => {
      const selector = selectService(request.target, request);
      if (selector.kind === 'refused') return nothingMeasured(request, selector.why);
      const [answers, others] = await Promise.all([
        pollOf(withOthers, selector, request, signal),
        askOthers(request, signal),
      ]);
      const found = withCustom(measurementsFrom(request, answers), others);
      const { counters: asked } = queriesOf(selector, request, scrapeSeconds);
      return asked === null ? found : withQueries(found, [asked.requests, asked.buckets]);
    },
    survey: async (request, signal) => {
      const selector = selectService(request.target, request);
      if (selector.kind === 'refused') return nothingSurveyed(request, selector.why, scrapeSeconds);
      const queries = queriesOf(selector, request, scrapeSeconds);
      const [answers, others] = await Promise.all([
        pollOf(alone, selector, request, signal),
        askOthers(request, signal),
      ]);
      return surveyWithCustom(surveyFrom(request, queries, answers), others);
    },
    alerts: firingAlerts(client),
    alertRules: (signal) => readAlertRules(client, inTime(signal)),
    facts: (question, signal) => askSurroundings({ client, scrapeSeconds }, question, signal),
    ready: async (signal) => {
      const answer = await client.ask({ query: providerClock, at: null }, inTime(signal));
      return answer.kind === 'rows' ? { ok: true } : { ok: false, why: answer.why };
    },
  };
}

function openCustom(templates: CheckTemplates, prometheus: PrometheusClient): CustomChecks {
  const opened = Object.entries(checkProviders).map(([name, open]) => [name, open({ prometheus })] as const);
  return { templates, providers: new Map(opened) };
}

/** Whoever doubts a judgement can ask the same of the provider. */
function withQueries(found: Measurements, queries: string[]): Measurements {
  const { counters } = found;
  return counters?.kind === 'counters' ? { ...found, counters: { ...counters, queries } } : found;
}

function withDeadline(signal: AbortSignal, deadlineMs: number): AbortSignal {
  const bounded = firstOf([signal, AbortSignal.timeout(deadlineMs)]);
  // Each query listens, and a plan may have many windows: more than Node's ten are no leak.
  setMaxListeners(0, bounded);
  return bounded;
}

type Poll = {
  asking: Asking;
  client: PrometheusHistory;
  selector: ServiceSelector;
  request: MeasureRequest;
  scrapeSeconds: number;
  signal: AbortSignal;
};

async function askAll(poll: Poll): Promise<Answers> {
  const { asking, selector, request, scrapeSeconds, signal } = poll;
  const ask = (question: Question) => asking.ask({ selector, question, at: request.at }, signal);
  const questions = questionsOf(request, scrapeSeconds);
  const [freshness, requests, p99s, buckets, increments, callers, counters, history] = await Promise.all([
    askFreshness(
      poll,
      () => ask(questions.newest),
      () => ask(questions.seenLately),
    ),
    byWindow(questions.requests, ask),
    byWindow(questions.p99s, ask),
    byWindow(questions.buckets, ask),
    questions.increments === null ? null : ask(questions.increments),
    ask(questions.callers),
    questions.counters === null ? null : ofPods(questions.counters, ask),
    questions.history === null ? null : askHistory(poll, questions.history),
  ]);
  return { ...freshness, requests, p99s, buckets, increments, callers, counters, history };
}

type Known = Pick<Answers, 'clock' | 'freshness' | 'newest' | 'seenLately'>;

async function askFreshness(
  { asking, request, scrapeSeconds, signal }: Poll,
  askNewest: () => Promise<Answer>,
  askSeenLately: () => Promise<Answer>,
): Promise<Known> {
  const [clock, newest] = await Promise.all([asking.clock(request.at, signal), askNewest()]);
  const freshness = freshArms(request, { clock, newest }, scrapeSeconds);
  const isAmiss = hasNoFreshArm(freshness) || (request.judged !== undefined && hasStaleArm(freshness));
  if (!isAmiss) return { clock, newest, freshness, seenLately: null };
  const seenLately = await askSeenLately();
  if (!hasNoFreshArm(freshness)) return { clock, newest, freshness, seenLately };
  return { clock, newest, freshness: withoutFreshArm(request, seenLately, scrapeSeconds), seenLately };
}

async function ofPods<Asked, Answered>(
  { requests, buckets }: OfPods<Asked>,
  ask: (asked: Asked) => Promise<Answered>,
): Promise<OfPods<Answered>> {
  const [ofRequests, ofBuckets] = await Promise.all([ask(requests), ask(buckets)]);
  return { requests: ofRequests, buckets: ofBuckets };
}

/** Asked once in a rollout, and for one alone: half an hour of all pods is large. */
function askHistory(
  { client, selector, request, signal }: Poll,
  questions: OfPods<Question>,
): Promise<OfPods<SeriesAnswer>> {
  const { at } = request;
  return ofPods(historyQueries(selector, request, questions), (query) =>
    client.askSeries({ query, at, maxBytes: historyBytes }, signal),
  );
}

async function byWindow(
  questions: Map<number, Question>,
  ask: (question: Question) => Promise<Answer>,
): Promise<Map<number, Answer>> {
  const answers = [...questions].map(async ([seconds, question]) => [seconds, await ask(question)] as const);
  return new Map(await Promise.all(answers));
}
