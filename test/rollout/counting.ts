import { type ArmCounters, atBounds, type Counters, type History } from '../../src/analysis/counters.ts';

/** How an arm answers: ratios of its requests that fail, and that take between 1 and 2.5 s. */
type Answers = { errors: number; slow: number };

const allBoundsMs = [100, 250, 500, 1000, 2500];
const usual: Answers = { errors: 0.002, slow: 0.003 };
const requestsPerMinute = 1000;

/** Requests and bad ones so far, fractional: pods have whole ones only. */
type Sums = { requests: number; errors: number; slow: number };

/** What the pods of two arms count while requests come evenly; nothing random, and no clock but the one it is told. */
export function countingTraffic() {
  const flow = {
    perSecond: 200,
    canary: usual,
    stable: usual,
    /** Why the provider has no counters, or no history; null while it has. */
    broken: null as string | null,
    historyBroken: null as string | null,
    /** The canary's part of the requests, in percent, where it is not that of the weights. */
    observed: null as number | null,
    /** Whose pods are not scraped any more. */
    unscraped: null as 'canary' | 'stable' | null,
    /** Bounds that the pods of both have in common. */
    boundsMs: [...allBoundsMs],
    canaryPods: ['c1', 'c2'],
    stablePods: ['s1', 's2', 's3'],
  };
  const sums = { canary: nothing(), stable: nothing() };
  let at: number | null = null;

  /** Requests that came since the last time, at a share that stood meanwhile. */
  function pass(now: number, share: number): void {
    const seconds = at === null ? 0 : (now - at) / 1000;
    at = now;
    const part = (flow.observed ?? share) / 100;
    add(sums.canary, flow.perSecond * seconds * part, flow.canary);
    add(sums.stable, flow.perSecond * seconds * (1 - part), flow.stable);
  }

  return {
    flow,
    pass,
    measured: (asked: { historySeconds: number }): { counters: Counters; history?: History } => {
      const wanted = asked.historySeconds > 0 ? { history: historyOf(flow.historyBroken) } : {};
      if (flow.broken !== null) return { counters: { kind: 'unavailable', why: flow.broken }, ...wanted };
      const { boundsMs, unscraped } = flow;
      const shown = (arm: 'canary' | 'stable', pods: string[]) =>
        unscraped === arm ? null : atBounds(armOf(pods, sums[arm]), allBoundsMs, boundsMs);
      const canary = shown('canary', flow.canaryPods);
      const stable = shown('stable', flow.stablePods);
      return { counters: { kind: 'counters', boundsMs, canary, stable }, ...wanted };
    },
  };
}

function nothing(): Sums {
  return { requests: 0, errors: 0, slow: 0 };
}

function add(sums: Sums, requests: number, { errors, slow }: Answers): void {
  sums.requests += requests;
  sums.errors += requests * errors;
  sums.slow += requests * slow;
}

/** Each pod has the same part of them. */
function armOf(pods: readonly string[], { requests, errors, slow }: Sums): ArmCounters {
  const part = (sum: number) => Math.floor(sum / pods.length);
  const all = part(requests);
  const atMost = [0.6, 0.85, 0.95, 1].map((ratio) => Math.floor((all - part(slow)) * ratio));
  return Object.fromEntries(
    pods.map((pod) => [pod, { requests: all, errors: part(errors), atMost: [...atMost, all, all] }]),
  );
}

function historyOf(broken: string | null): History {
  if (broken !== null) return { kind: 'unavailable', why: broken };
  const minute = { requests: requestsPerMinute, errors: 2, buckets: [600, 250, 100, 47, 3, 0] };
  const pods = [0, 1, 2].map(() => Array.from({ length: 30 }, () => minute));
  return { kind: 'history', boundsMs: allBoundsMs, pods };
}
