import type { Latency } from './latency.ts';

/** How a service behaves when nothing is wrong with the canary. Times are seconds from the start of the rollout. */
export type Service = {
  /** Requests a second, both arms together. Counts of requests are Poisson. */
  rps: number;
  /** Chance of a 5xx, 0..1. */
  errorRate: number;
  latency: Latency;
  /** Variance of the errors over their mean: 1 for independent ones, more where they come in bursts. */
  burst: number;
  /** Pods that stay different: the standard deviation of ln(factor), drawn once a pod, the canary's too. */
  podSpread: { errors: number; latency: number };
  /** Pods that differ for a moment: the standard deviation of ln(factor of errors), drawn anew each poll. */
  podNoise: number;
  /** The factor that both arms reach at the end of the rollout, exponentially from 1 at its start. */
  drift: { errors: number; latency: number };
  /** Requests a second swing by this part, 0..1, as a sine of one hour with a phase drawn at random. */
  swing: number;
  /** More errors for both arms, from an instant drawn uniformly between two. */
  outage: { errors: number; seconds: number; from: number; to: number } | null;
  /** The canary's latency begins at this factor and falls exponentially to 1. */
  coldStart: { factor: number; seconds: number } | null;
};

/** What is wrong with the canary: nothing before `from`, everything from `until` on, linear between. */
export type Regression = {
  from: number;
  until: number;
  /** Factor of the chance of a 5xx. */
  errors: number;
  /** Factor of the median latency, and its sigma instead of the service's. */
  latency: number;
  sigma: number | null;
};

/** The rules that an operator wrote for this service. */
export type Limits = { errorRate: number; p99Ms: number };

export type Scenario = {
  name: string;
  about: string;
  service: Service;
  regression: Regression | null;
  limits: Limits;
};

/** Everything that sets a service apart from plain traffic, in words. */
export function wordsOf({ service, regression }: Scenario): string {
  return [
    ...plainWords(service),
    ...noiseWords(service),
    ...(regression ? regressionWords(regression) : []),
  ].join(', ');
}

function plainWords({ rps, errorRate, latency }: Service): string[] {
  return [
    `${round(rps)} rps`,
    `${percent(errorRate)} errors`,
    `latency median ${round(latency.medianMs)} ms sigma ${round(latency.sigma)}`,
  ];
}

function noiseWords({ burst, podSpread, podNoise, drift, swing, outage, coldStart }: Service): string[] {
  const { errors, seconds, from, to } = outage ?? { errors: 0, seconds: 0, from: 0, to: 0 };
  return [
    burst > 1 && `bursts (variance ${round(burst)} x mean)`,
    podSpread.errors > 0 && `pods' errors differ by sigma ${round(podSpread.errors)}`,
    podSpread.latency > 0 && `pods' latency by sigma ${round(podSpread.latency)}`,
    podNoise > 0 && `pods' errors differ each poll by sigma ${round(podNoise)}`,
    drift.errors !== 1 && `errors drift to ${round(drift.errors)} x`,
    drift.latency !== 1 && `latency drifts to ${round(drift.latency)} x`,
    swing > 0 && `rps swing by ${percent(swing)}`,
    outage !== null && `both arms ${percent(errors)} more errors for ${seconds} s from ${from}..${to} s`,
    coldStart !== null &&
      `canary's latency ${coldStart.factor} x at first, falling by e in ${coldStart.seconds} s`,
  ].filter((words) => words !== false);
}

function regressionWords({ from, until, errors, latency, sigma }: Regression): string[] {
  return [
    errors !== 1 && `canary: errors ${round(errors)} x`,
    latency !== 1 && `canary: latency ${round(latency)} x`,
    sigma !== null && `canary: sigma ${round(sigma)}`,
    from > 0 && `from ${from} s`,
    until > from && `rising until ${until} s`,
  ].filter((words) => words !== false);
}

function percent(ratio: number): string {
  return `${round(100 * ratio)} %`;
}

function round(value: number): string {
  return String(Number(value.toPrecision(3)));
}
