import { setMaxListeners } from 'node:events';
import type { MetricsFacts } from '../readiness/sources.ts';
import type { MeasureRequest, Metrics } from '../rollout/ports/metrics.ts';
import type { MetricsQuestion } from '../rollout/ports/readiness.ts';
import { firstOf } from '../signals.ts';
import type { Address } from './address.ts';
import type { Answer } from './answer.ts';
import { type Asking, askingAlone, askingTogether } from './asking.ts';
import { prometheusClient } from './client.ts';
import { freshArms, hasNoFreshArm, withoutFreshArm } from './freshness.ts';
import { providerClock, type ServiceSelector, selectService } from './promql.ts';
import { type Question, queriesOf, questionsOf } from './queries.ts';
import { type Answers, measurementsFrom, nothingMeasured } from './readings.ts';
import { askSurroundings } from './surroundings.ts';
import { nothingSurveyed, surveyFrom } from './survey.ts';

export type PrometheusMetricsOptions = Address & {
  /** Seconds between two scrapes of the mesh's proxies. */
  scrapeSeconds: number;
  /** Time for all queries of one measurement together, in ms. */
  deadlineMs?: number;
};

type PrometheusReady = { ok: true } | { ok: false; why: string };

export type PrometheusMetrics = Metrics & {
  /** Whether the provider answers queries; for the readiness page. */
  ready(signal: AbortSignal): Promise<PrometheusReady>;
  /** What it tells of a target beside the checks of its plan, as far as that is wanted; never throws. */
  facts(question: MetricsQuestion, signal: AbortSignal): Promise<MetricsFacts>;
};

/**
 * Measures Istio's standard metrics in any provider with Prometheus's query API. All queries of a measurement run
 * side by side at the same instant and end together at the deadline; measurements of one namespace at one instant
 * share their queries, as `askingTogether` says. Throws `configuration` for an address that is no URL; measuring
 * itself never throws.
 */
export function prometheusMetrics(options: PrometheusMetricsOptions): PrometheusMetrics {
  const { scrapeSeconds, deadlineMs = 3000 } = options;
  const client = prometheusClient(options);
  const alone = askingAlone(client);
  const withOthers = askingTogether(client, deadlineMs);
  const pollOf = (asking: Asking, selector: ServiceSelector, request: MeasureRequest, signal: AbortSignal) =>
    askAll({ asking, selector, request, scrapeSeconds, signal: withDeadline(signal, deadlineMs) });
  return {
    scrapeSeconds: () => scrapeSeconds,
    measure: async (request, signal) => {
      const selector = selectService(request.target, request);
      if (selector.kind === 'refused') return nothingMeasured(request, selector.why);
      return measurementsFrom(request, await pollOf(withOthers, selector, request, signal));
    },
    survey: async (request, signal) => {
      const selector = selectService(request.target, request);
      if (selector.kind === 'refused') return nothingSurveyed(request, selector.why, scrapeSeconds);
      const queries = queriesOf(selector, request, scrapeSeconds);
      return surveyFrom(request, queries, await pollOf(alone, selector, request, signal));
    },
    facts: (question, signal) => askSurroundings({ client, scrapeSeconds }, question, signal),
    ready: async (signal) => {
      const answer = await client.ask({ query: providerClock, at: null }, withDeadline(signal, deadlineMs));
      return answer.kind === 'rows' ? { ok: true } : { ok: false, why: answer.why };
    },
  };
}

function withDeadline(signal: AbortSignal, deadlineMs: number): AbortSignal {
  const bounded = firstOf([signal, AbortSignal.timeout(deadlineMs)]);
  // Each query listens, and a plan may have many windows: more than Node's ten are no leak.
  setMaxListeners(0, bounded);
  return bounded;
}

type Poll = {
  asking: Asking;
  selector: ServiceSelector;
  request: MeasureRequest;
  scrapeSeconds: number;
  signal: AbortSignal;
};

async function askAll(poll: Poll): Promise<Answers> {
  const { asking, selector, request, scrapeSeconds, signal } = poll;
  const ask = (question: Question) => asking.ask({ selector, question, at: request.at }, signal);
  const questions = questionsOf(request, scrapeSeconds);
  const [{ clock, freshness }, requests, p99s, buckets, increments, callers] = await Promise.all([
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
  ]);
  return { clock, freshness, requests, p99s, buckets, increments, callers };
}

async function askFreshness(
  { asking, request, scrapeSeconds, signal }: Poll,
  askNewest: () => Promise<Answer>,
  askSeenLately: () => Promise<Answer>,
) {
  const [clock, newest] = await Promise.all([asking.clock(request.at, signal), askNewest()]);
  const freshness = freshArms(request, { clock, newest }, scrapeSeconds);
  if (!hasNoFreshArm(freshness)) return { clock, freshness };
  return { clock, freshness: withoutFreshArm(request, await askSeenLately(), scrapeSeconds) };
}

async function byWindow(
  questions: Map<number, Question>,
  ask: (question: Question) => Promise<Answer>,
): Promise<Map<number, Answer>> {
  const answers = [...questions].map(async ([seconds, question]) => [seconds, await ask(question)] as const);
  return new Map(await Promise.all(answers));
}
