import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Counters, countedSince, type KnownArm } from '../../src/analysis/counters.ts';
import type { Increment } from '../../src/analysis/sequential/poll.ts';
import { prometheusClient } from '../../src/metrics/client.ts';
import { requestCounters, stableOnly } from '../../src/metrics/pod-queries.ts';
import { selectService } from '../../src/metrics/promql.ts';
import type { Target } from '../../src/rollout/target.ts';
import { hostTarget, targetOf } from '../metrics/requests.ts';
import { contractChecks, eventually, noSignal } from './metrics.ts';
import { type Pod, type PodWorld, podWorld } from './metrics-pods.ts';
import { istioBounds, istioLabels } from './metrics-worlds.ts';

let world: PodWorld;
beforeAll(async () => {
  world = await podWorld();
}, 180_000);
afterAll(() => world.stop());

type Counter = Pod['counters'][number];
type Labels = Record<string, string>;

/** A counter of requests to the canary, or to the version that `more` names. */
function requests(target: Target, code: string, value: number, more: Labels = {}): Counter {
  const labels = { ...istioLabels(target, 'v2', code), ...more };
  return { name: 'istio_requests_total', labels, value, perScrape: 0 };
}

/** The latency buckets of the canary's requests, all of one length. */
function latencies(target: Target, count: number, latencyMs: number, bounds = istioBounds): Counter[] {
  return [...bounds, '+Inf'].map((le) => ({
    name: 'istio_request_duration_milliseconds_bucket',
    labels: { ...istioLabels(target, 'v2', '200'), le },
    value: le === '+Inf' || latencyMs <= Number(le) ? count : 0,
    perScrape: 0,
  }));
}

function add(counter: Counter[], more: number): void {
  for (const one of counter) one.value += more;
}

type Found = Extract<Counters, { kind: 'counters' }>;

async function countersAt(target: Target, at: number, mirrored = false): Promise<Counters> {
  const request = { target, checks: contractChecks, at, incrementSeconds: 1, mirrored };
  const measured = await world.metrics.measure({ ...request, judged: { historySeconds: 0 } }, noSignal);
  if (measured.counters === undefined) throw new Error('no counters were measured');
  return measured.counters;
}

async function countersNow(target: Target): Promise<Found> {
  const counters = await countersAt(target, Date.now());
  if (counters.kind === 'unavailable') throw new Error(counters.why);
  return counters;
}

const podsIn = (arm: Found['canary']) => Object.keys(arm ?? {}).map((name) => name.split(' ')[0]);

/** Looks at a canary again and again, and adds up what it counted since the first look. */
async function follow(target: Target, pods: number) {
  let known: KnownArm = {};
  await eventually(async () => {
    const { canary } = await countersNow(target);
    expect(podsIn(canary)).toHaveLength(pods);
    known = countedSince({}, canary ?? {}, Date.now()).known;
  });
  const total: Increment = { requests: 0, errors: 0, buckets: [] };
  const look = async () => {
    const counters = await countersNow(target);
    if (counters.canary === null) return { counters, total };
    const counted = countedSince(known, counters.canary, Date.now());
    known = counted.known;
    total.requests += counted.increment.requests;
    total.errors += counted.increment.errors;
    for (const [at, count] of counted.increment.buckets.entries()) {
      total.buckets[at] = (total.buckets[at] ?? 0) + count;
    }
    return { counters, total };
  };
  /** Waits for a total, and sees that nothing is added to it later. */
  const until = async (wanted: Partial<Increment>) => {
    await eventually(async () => expect((await look()).total).toMatchObject(wanted));
    const [pod] = podsIn((await look()).counters.canary);
    await scrapesPass(pod ?? '', 3);
    expect((await look()).total).toMatchObject(wanted);
  };
  return { look, until };
}

const podsByName = new Map<string, Pod>();
function addPod(name: string, counters: Counter[] = []): Pod {
  const pod = world.add(name, counters);
  podsByName.set(name, pod);
  return pod;
}

async function scrapesPass(name: string, count: number): Promise<void> {
  const pod = podsByName.get(name);
  const until = (pod?.scrapes ?? 0) + count;
  await eventually(async () => expect(pod?.scrapes).toBeGreaterThanOrEqual(until));
}

describe.concurrent('the raw counters of a real Prometheus', () => {
  it('have the first errors of a code that is born: 60 callers with one 500 each are 60, and once', async () => {
    const target = targetOf('raw-first-errors');
    const pod = addPod('raw-first-errors', [requests(target, '200', 5000)]);
    const { until } = await follow(target, 1);
    const callers = Array.from({ length: 60 }, (_, caller) => ({ source_workload: `caller-${caller}` }));
    pod.counters.push(...callers.map((caller) => requests(target, '500', 1, caller)));
    await until({ requests: 60, errors: 60 });
  });

  it('show a canary of which all requests fail, though no series of good ones exists', async () => {
    const target = targetOf('raw-all-fail');
    addPod('raw-stable', [requests(target, '200', 10, { destination_version: 'v1' })]);
    const pod = addPod('raw-all-fail');
    await eventually(async () => expect((await countersNow(target)).canary).toEqual({}));
    const { until } = await follow(target, 0);
    pod.counters.push(requests(target, '503', 40));
    await until({ requests: 40, errors: 40 });
  });

  it('have no errors of a service without a 5xx series, and are no lack of data', async () => {
    const target = targetOf('raw-no-errors');
    const counter = requests(target, '200', 5000);
    addPod('raw-no-errors', [counter, requests(target, '404', 5)]);
    const { until } = await follow(target, 1);
    add([counter], 70);
    await until({ requests: 70, errors: 0 });
  });

  it('stand still for an idle canary: no requests, but pods', async () => {
    const target = targetOf('raw-idle');
    addPod('raw-idle', [requests(target, '200', 5000)]);
    const { until, look } = await follow(target, 1);
    await until({ requests: 0, errors: 0 });
    expect(podsIn((await look()).counters.canary)).toEqual(['raw-idle']);
  });

  it('count gRPC statuses that are the server’s fault, under HTTP 200', async () => {
    const target = targetOf('raw-grpc');
    const status = (grpc_response_status: string, value: number) =>
      requests(target, '200', value, { grpc_response_status });
    const pod = addPod('raw-grpc', [status('0', 1000)]);
    const { until } = await follow(target, 1);
    pod.counters.push(status('14', 7), status('13', 3), status('5', 20));
    await until({ requests: 30, errors: 10 });
  });

  it('count requests without an answer (code 0) by who is at fault: the server, not a caller that hung up', async () => {
    const target = targetOf('raw-code-0');
    const without = (response_flags: string, value: number) =>
      requests(target, '0', value, { response_flags });
    const pod = addPod('raw-code-0', [requests(target, '200', 1000)]);
    const { until } = await follow(target, 1);
    pod.counters.push(without('UC', 6), without('UF,URX', 2), without('DC', 50));
    await until({ requests: 58, errors: 8 });
  });

  it('count requests that never reached a pod where the callers sent them: UH and UF of a host', async () => {
    const target = hostTarget({
      canary: { service: { name: 'raw-green', namespace: 'bank' }, version: 'raw-green' },
    });
    const sent = (code: string, value: number, more: Labels = {}) =>
      requests(target, code, value, {
        reporter: 'source',
        destination_service_name: 'raw-green',
        destination_workload: 'unknown',
        destination_version: 'unknown',
        ...more,
      });
    const pod = addPod('raw-gateway', [sent('200', 1000)]);
    const { until } = await follow(target, 1);
    pod.counters.push(
      sent('503', 30, { response_flags: 'UH' }),
      sent('503', 12, { response_flags: 'UF,URX' }),
    );
    await until({ requests: 42, errors: 42 });
  });

  it('count a pod that restarted with what it reached since', async () => {
    const target = targetOf('raw-restart');
    const [fine, failed] = [requests(target, '200', 9000), requests(target, '500', 5000)];
    addPod('raw-restart', [fine, failed]);
    const { until } = await follow(target, 1);
    fine.value = 10;
    failed.value = 40;
    await until({ requests: 50, errors: 40 });
  });

  it('count what came during missed scrapes when the pod is back, once, and nothing twice', async () => {
    const target = targetOf('raw-missed');
    const counter = requests(target, '200', 1000);
    addPod('raw-missed-b', [requests(target, '200', 1000)]);
    const pod = addPod('raw-missed-a', [counter]);
    const { until, look } = await follow(target, 2);
    pod.failNext = Number.POSITIVE_INFINITY;
    add([counter], 500);
    await eventually(async () => {
      const { counters, total } = await look();
      expect(podsIn(counters.canary)).toEqual(['raw-missed-b']);
      expect(total.requests).toBe(0);
    });
    pod.failNext = 0;
    await until({ requests: 500 });
  });

  it('are missing, not zero, for a canary whose only pod is not scraped, beside a stable that is', async () => {
    const target = targetOf('raw-unscraped');
    addPod('raw-unscraped-stable', [requests(target, '200', 10, { destination_version: 'v1' })]);
    const pod = addPod('raw-unscraped', [requests(target, '200', 1000)]);
    await follow(target, 1);
    pod.failNext = Number.POSITIVE_INFINITY;
    await eventually(async () => {
      const { canary, stable } = await countersNow(target);
      expect([canary, podsIn(stable)]).toEqual([null, ['raw-unscraped-stable']]);
    });
  });

  it('add up while one pod goes and another is born: their sum falls, and nothing is taken for a restart', async () => {
    const target = targetOf('raw-gone');
    const counter = requests(target, '200', 3000);
    addPod('raw-gone-a', [requests(target, '200', 9000)]);
    addPod('raw-gone-b', [counter]);
    const { until, look } = await follow(target, 2);
    world.remove('raw-gone-a');
    addPod('raw-gone-c', [requests(target, '200', 30), requests(target, '500', 3)]);
    add([counter], 8);
    await eventually(async () =>
      expect(podsIn((await look()).counters.canary).sort()).toEqual(['raw-gone-b', 'raw-gone-c']),
    );
    await until({ requests: 41, errors: 3 });
  });

  it('read the bounds 1000 and 1000.0 as one, and keep what is above all bounds apart', async () => {
    const target = targetOf('raw-bounds');
    const newer = istioBounds.map((bound) => Number(bound).toFixed(1));
    const slow = latencies(target, 1000, 80, newer).filter(({ labels }) => labels['le'] === '+Inf');
    const others = latencies(target, 1000, 80, newer).filter(({ labels }) => labels['le'] !== '+Inf');
    const old = latencies(target, 1000, 800);
    addPod('raw-bounds-old', [requests(target, '200', 1000), ...old]);
    addPod('raw-bounds-new', [requests(target, '200', 1000), ...others, ...slow]);
    const { until, look } = await follow(target, 2);
    expect((await look()).counters.boundsMs).toEqual(istioBounds.map(Number));
    add(slow, 5);
    add(
      old.filter(({ value }) => value > 0),
      20,
    );
    const buckets = [...istioBounds, '+Inf'].map((bound) => ({ '1000': 20, '+Inf': 5 })[bound] ?? 0);
    await until({ buckets });
  });

  it('are those of one instant for both arms: asked again later, the same', async () => {
    const target = targetOf('raw-instant');
    const moving = (version: string) => ({
      ...requests(target, '200', 1000, { destination_version: version }),
      perScrape: 9,
    });
    addPod('raw-instant-v1', [moving('v1')]);
    addPod('raw-instant-v2', [moving('v2')]);
    await follow(target, 1);
    await scrapesPass('raw-instant-v1', 3);
    const at = Date.now() - 500;
    const first = await countersAt(target, at);
    await scrapesPass('raw-instant-v2', 5);
    expect(await countersAt(target, at)).toEqual(first);
    expect(await countersAt(target, Date.now())).not.toEqual(first);
  });

  it('are not believed at an instant that its clock is far from', async () => {
    const target = targetOf('raw-skew');
    addPod('raw-skew', [requests(target, '200', 1000)]);
    expect(await countersAt(target, Date.now() - 60_000)).toEqual({
      kind: 'unavailable',
      why: expect.stringMatching(/^Prometheus's clock is \d+ s ahead of canaryd's/),
    });
  });

  it('tell proxies apart by the pod and the instance that a scrape names', async () => {
    const target = targetOf('raw-named');
    addPod('raw-named', [requests(target, '200', 1000)]);
    await follow(target, 1);
    const { canary } = await countersNow(target);
    expect(Object.keys(canary ?? {})).toEqual(['raw-named raw-named']);
  });
});

it('a real Prometheus answers a subquery as series over time, of stable alone', async () => {
  const target = targetOf('raw-history');
  const moving = { ...requests(target, '200', 1000, { destination_version: 'v1' }), perScrape: 9 };
  addPod('raw-history', [moving]);
  addPod('raw-history-canary', [requests(target, '200', 1000)]);
  const selector = selectService(target);
  if (selector.kind === 'refused') throw new Error(selector.why);
  const query = `(${requestCounters(stableOnly(selector, target))})[2s:1s]`;
  await eventually(async () => {
    const question = { query, at: Date.now(), maxBytes: 1_000_000 };
    const answer = await prometheusClient({ url: world.url }).askSeries(question, noSignal);
    if (answer.kind === 'failed') throw new Error(answer.why);
    expect(answer.series.map(({ labels }) => labels['pod'])).toEqual(['raw-history']);
    const [[, first], [, last]] = [
      answer.series[0]?.points.at(0) ?? [],
      answer.series[0]?.points.at(-1) ?? [],
    ];
    expect(last).toBeGreaterThan(first ?? Number.POSITIVE_INFINITY);
  });
});
