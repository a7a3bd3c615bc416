import { evidenceNeeded, judgementIn, judgementInWords, type Verdict } from '../rollout/judgement.ts';
import type { MeasuredPoll } from '../rollout/ports/live.ts';
import type { Cause } from '../rollout/reasons.ts';
import type { StoredRollout } from '../rollout/rollout.ts';
import type { Millis } from '../rollout/units.ts';
import type { JudgedMetricOnWire, JudgementOnWire, PolledJudgementOnWire } from './judgement-wire.ts';
import { timestamp } from './wire-parts.ts';

/** What the sequential judge found last; null where another one judges, and before its first look. */
export function judgementOf(rollout: StoredRollout): JudgementOnWire | null {
  const found = judgementIn(rollout);
  if (found === null) return null;
  const { at, share, verdict, queries } = found;
  const why = capital(judgementInWords(rollout, verdict, share));
  return { at: timestamp(at), weight: share, why, ...figuresOf(verdict, evidenceNeeded(rollout)), queries };
}

/** What the sequential judge had found when it sent the canary back; `at` is when that began, where it is known. */
export function judgementBehind(
  { why, share, verdict, queries }: Extract<Cause, { kind: 'judged' }>,
  rollout: Pick<StoredRollout, 'plan'>,
  at: Millis | null,
): JudgementOnWire {
  return {
    at: at === null ? null : timestamp(at),
    weight: share,
    why: capital(why),
    ...figuresOf(verdict, evidenceNeeded(rollout)),
    queries,
  };
}

/** What was found at a poll; nothing where the sequential judge did not look. */
export function renderJudged(rollout: StoredRollout, poll: MeasuredPoll): PolledJudgementOnWire[] {
  const { at, step, share, verdict } = poll;
  if (verdict === null) return [];
  const why = capital(judgementInWords(rollout, verdict, share ?? 0));
  return [{ at: timestamp(at), step, weight: share, why, ...figuresOf(verdict, evidenceNeeded(rollout)) }];
}

type MetricVerdict = Verdict['metrics'][number];
type Figures = Omit<JudgementOnWire, 'at' | 'weight' | 'why' | 'queries'>;

function figuresOf(verdict: Verdict, needed: number): Figures {
  const { ruling, split } = verdict;
  return {
    ruling: { decision: ruling.decision, reason: reasons[ruling.reason] },
    evidence: verdict.evidence,
    needed,
    metrics: verdict.metrics.map(renderMetric),
    driver: verdict.driver,
    split: { canary: split.canary, stable: split.stable, evidence: split.evidence },
    harmedRequests: verdict.harmedRequests,
    detectableErrorRate: verdict.detectableErrorRate,
  };
}

const reasons = {
  gathering: 'gathering',
  provenHealthy: 'proven_healthy',
  unproven: 'unproven',
  noTraffic: 'no_traffic',
  noData: 'no_data',
  environment: 'environment',
  suspicion: 'suspicion',
  breach: 'breach',
  regression: 'regression',
  limit: 'limit',
  trafficMismatch: 'traffic_mismatch',
  backstop: 'backstop',
  environmentLimit: 'environment_limit',
  warning: 'warning',
} as const satisfies Record<Verdict['ruling']['reason'], JudgementOnWire['ruling']['reason']>;

/** Each field by its name: what the judge keeps beside them stays inside. */
function renderMetric(metric: MetricVerdict): JudgedMetricOnWire {
  const { recent, excess } = metric;
  return {
    id: metric.id,
    metric: metric.metric,
    against: metric.against,
    effect: metric.effect,
    boundMs: metric.boundMs,
    canary: renderArm(metric.canary),
    stable: renderArm(metric.stable),
    recent: { seconds: recent.seconds, canary: { ...recent.canary }, stable: { ...recent.stable } },
    excess: { value: excess.value, lower: excess.lower, upper: excess.upper },
    tolerated: metric.tolerated,
    evidence: metric.evidence,
    noiseFactor: metric.noiseFactor,
    noiseFrom: metric.noiseFrom,
    toleratedRatio: metric.toleratedRatio,
    isWidened: metric.isWidened,
    isJudged: metric.isJudged,
  };
}

function renderArm({ bad, requests, rate }: MetricVerdict['canary']): JudgedMetricOnWire['canary'] {
  return { bad, requests, rate: rate.value, lower: rate.lower, upper: rate.upper };
}

function capital(sentence: string): string {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}
