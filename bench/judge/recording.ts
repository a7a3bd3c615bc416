import type { Baseline, Increment } from '../../src/analysis/sequential/poll.ts';
import { normalFrom, type Random } from '../../src/sandbox/random.ts';
import { binomial, bursty, poisson } from './draws.ts';
import { addChances, drawBuckets, type Latency } from './latency.ts';
import { between } from './random.ts';
import type { Scenario, Service } from './service.ts';
import {
  boundsMs,
  buckets,
  historyMinutes,
  pollSeconds,
  polls,
  rolloutSeconds,
  shareOf,
  stablePods,
} from './setting.ts';
import { canaryAt, type Harm, harmAt } from './worse.ts';

/** What one arm answered, poll after poll; its buckets stand poll after poll, too. */
export type Counts = { requests: Float64Array; errors: Float64Array; buckets: Float64Array };

/** One rollout as every judge sees it, to its end: no judge changes the weights. */
export type Recording = {
  canary: Counts;
  stable: Counts;
  baseline: Baseline;
  /** Per poll: requests to a canary that is worse, and how many of them are bad because it is worse (expected). */
  exposed: Float64Array;
  harm: Float64Array;
};

/** What is drawn once a rollout. */
type World = {
  service: Service;
  /** Factors of errors and of latency: each of stable's pods. */
  podErrors: number[];
  podLatency: number[];
  /** The same of the canary, which counts as one pod. */
  canaryErrors: number;
  canaryLatency: number;
  phase: number;
  outageFrom: number;
};

/** Plays one rollout and the half hour before it. */
export function record(random: Random, scenario: Scenario): Recording {
  const world = worldOf(random, scenario.service);
  const baseline = { boundsMs, pods: world.podErrors.map((_, pod) => history(random, world, pod)) };
  const recording: Recording = {
    canary: noCounts(),
    stable: noCounts(),
    baseline,
    exposed: new Float64Array(polls),
    harm: new Float64Array(polls),
  };
  const stableChances = new Float64Array(boundsMs.length);
  for (let poll = 0; poll < polls; poll += 1) {
    if (poll === 0 || scenario.service.drift.latency !== 1) setStableChances(stableChances, world, poll);
    playStable(random, { world, recording, chances: stableChances, poll });
    playCanary(random, { world, recording, scenario, poll });
  }
  return recording;
}

/** An arm without a single request. */
export function noCounts(): Counts {
  return {
    requests: new Float64Array(polls),
    errors: new Float64Array(polls),
    buckets: new Float64Array(polls * buckets),
  };
}

function worldOf(random: Random, service: Service): World {
  const { errors, latency } = service.podSpread;
  const factors = (sigma: number) =>
    Array.from({ length: stablePods }, () => (sigma === 0 ? 1 : factor(random, sigma)));
  const { from, to } = service.outage ?? { from: 0, to: 0 };
  return {
    service,
    podErrors: factors(errors),
    podLatency: factors(latency),
    canaryErrors: factor(random, errors),
    canaryLatency: factor(random, latency),
    phase: between(random, 0, 2 * Math.PI),
    outageFrom: between(random, from, to),
  };
}

/** Lognormal with the median 1. */
function factor(random: Random, sigma: number): number {
  return sigma === 0 ? 1 : Math.exp(sigma * normalFrom(random));
}

/** One of stable's pods, minute by minute, before anything drifts. */
function history(random: Random, world: World, pod: number): Increment[] {
  const { service, podErrors, podLatency } = world;
  const latency = scaled(service.latency, podLatency[pod] ?? 1);
  const chances = new Float64Array(boundsMs.length);
  addChances(chances, latency, 1);
  return Array.from({ length: historyMinutes }, (_, minute) => {
    const at = 60 * (minute + 0.5 - historyMinutes);
    const requests = poisson(random, (rpsAt(world, at) * 60) / stablePods);
    // A minute holds four polls: their noise is averaged.
    const noise = factor(random, service.podNoise / 2);
    const chance = Math.min(1, service.errorRate * (podErrors[pod] ?? 1) * noise);
    const counts: number[] = new Array(buckets).fill(0);
    drawBuckets(random, requests, chances, { into: counts, offset: 0 });
    return { requests, errors: drawErrors(random, requests, chance, service.burst), buckets: counts };
  });
}

type Play = { world: World; recording: Recording; poll: number };

function playStable(
  random: Random,
  { world, recording, poll, chances }: Play & { chances: Float64Array },
): void {
  const { service, podErrors } = world;
  const mean = rpsAt(world, middleOf(poll)) * pollSeconds * (1 - shareOf(poll) / 100);
  const requests = poisson(random, mean);
  let sum = 0;
  for (const pod of podErrors) sum += pod * factor(random, service.podNoise);
  const chance = Math.min(1, (driftedErrors(service, poll) * sum) / stablePods + outageAt(world, poll));
  put(random, recording.stable, { poll, requests, chance, burst: service.burst, chances });
}

function playCanary(
  random: Random,
  { world, recording, poll, scenario }: Play & { scenario: Scenario },
): void {
  const { service, canaryErrors, canaryLatency } = world;
  const requests = poisson(random, (rpsAt(world, middleOf(poll)) * pollSeconds * shareOf(poll)) / 100);
  const noise = factor(random, service.podNoise);
  const sound = {
    errorRate: Math.min(1, driftedErrors(service, poll) * canaryErrors * noise + outageAt(world, poll)),
    latency: scaled(
      service.latency,
      canaryLatency * driftOf(service.drift.latency, poll) * coldAt(service, poll),
    ),
  };
  const worse = canaryAt(sound, scenario.regression, middleOf(poll));
  const chances = new Float64Array(boundsMs.length);
  addChances(chances, worse.latency, 1);
  put(random, recording.canary, { poll, requests, chance: worse.errorRate, burst: service.burst, chances });
  const { isExposed, badRate }: Harm = harmAt(sound, worse, service);
  recording.exposed[poll] = isExposed ? requests : 0;
  recording.harm[poll] = requests * badRate;
}

type Answers = { poll: number; requests: number; chance: number; burst: number; chances: Float64Array };

function put(random: Random, into: Counts, { poll, requests, chance, burst, chances }: Answers): void {
  into.requests[poll] = requests;
  into.errors[poll] = drawErrors(random, requests, chance, burst);
  drawBuckets(random, requests, chances, { into: into.buckets, offset: poll * buckets });
}

function drawErrors(random: Random, requests: number, chance: number, burst: number): number {
  if (burst <= 1) return binomial(random, requests, chance);
  return Math.min(requests, bursty(random, requests * chance, burst));
}

function setStableChances(chances: Float64Array, { service, podLatency }: World, poll: number): void {
  const drift = driftOf(service.drift.latency, poll);
  chances.fill(0);
  for (const pod of podLatency) addChances(chances, scaled(service.latency, pod * drift), 1 / stablePods);
}

function scaled({ medianMs, sigma }: Latency, by: number): Latency {
  return { medianMs: medianMs * by, sigma };
}

function middleOf(poll: number): number {
  return (poll + 0.5) * pollSeconds;
}

function rpsAt({ service, phase }: World, seconds: number): number {
  return service.rps * (1 + service.swing * Math.sin((2 * Math.PI * seconds) / 3600 + phase));
}

function driftedErrors(service: Service, poll: number): number {
  return service.errorRate * driftOf(service.drift.errors, poll);
}

function driftOf(end: number, poll: number): number {
  return end === 1 ? 1 : end ** (middleOf(poll) / rolloutSeconds);
}

function coldAt({ coldStart }: Service, poll: number): number {
  return coldStart === null ? 1 : 1 + (coldStart.factor - 1) * Math.exp(-middleOf(poll) / coldStart.seconds);
}

/** What the outage adds to the errors of this poll, which it may cover in part. */
function outageAt({ service: { outage }, outageFrom }: World, poll: number): number {
  if (outage === null) return 0;
  const begin = Math.max(outageFrom, poll * pollSeconds);
  const end = Math.min(outageFrom + outage.seconds, (poll + 1) * pollSeconds);
  return (outage.errors * Math.max(0, end - begin)) / pollSeconds;
}
