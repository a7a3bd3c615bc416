import { defineCheck } from '../check.ts';
import { proxyOf } from '../data-plane.ts';
import type { Failure, Judgement } from '../finding.ts';
import { bounded, pass, refTo, skip, unknown, warn } from '../judgement.ts';
import type { Container, Pod } from '../objects.ts';
import { isSameQuantity } from '../quantity.ts';
import { nameOf, podsOf } from '../select.ts';
import type { Subject, Throttling } from '../snapshot.ts';

export const proxyHasRoom = defineCheck({
  id: 'PF-SC-04',
  title: 'the proxies have requests and limits, the same for both versions, and are not throttled',
  family: 'injection',
  priority: 'P1',
  codes: [],
  again: false,
  severity: 'warn',
  needs: ['pods', 'throttling'],
  judge: ({ pods, throttling }, subject) => judge(pods, throttling, subject),
});

/** P99 is what the slowest request of a hundred takes: a proxy that often waits for CPU decides it. */
const mostThrottled = 0.05;

type Proxied = { pod: Pod; proxy: Container };

function judge(pods: readonly Pod[], throttling: Throttling, { stable, canary }: Subject): Judgement[] {
  const mine = proxied(podsOf(canary, pods));
  if (mine.length === 0) return [skip(`no pod of ${canary.version} has a proxy of its own`)];
  const theirs = proxied(podsOf(stable, pods));
  const measured = new Map(throttling.map(({ pod, ratio }) => [pod, ratio]));
  const failures = [
    ...bounded(mine.flatMap(unset)),
    ...differences(mine, theirs, stable.version),
    ...bounded([...mine, ...theirs].flatMap((one) => throttled(one, measured))),
  ];
  const unmeasured = mine.filter(({ pod, proxy }) => !measured.has(pod.metadata.name) && limit(proxy, 'cpu'));
  const gaps = unmeasured.length === 0 ? [] : [notMeasured(unmeasured, canary.version)];
  if (failures.length > 0 || gaps.length > 0) return [...failures, ...gaps];
  return [pass(seen(mine, measured, canary.version))];
}

function proxied(pods: readonly Pod[]): Proxied[] {
  return pods.flatMap((pod) => {
    const proxy = proxyOf(pod);
    return proxy === null ? [] : [{ pod, proxy }];
  });
}

function limit({ resources }: Container, name: string): string | number | undefined {
  return resources?.limits?.[name];
}

function request({ resources }: Container, name: string): string | number | undefined {
  return resources?.requests?.[name];
}

/** A running pod has what annotations, the chart and a LimitRange gave it. No CPU limit is a policy of its own. */
function unset({ pod, proxy }: Proxied): Failure[] {
  const missing = [
    ...(request(proxy, 'cpu') === undefined ? ['CPU request'] : []),
    ...(request(proxy, 'memory') === undefined ? ['memory request'] : []),
    ...(limit(proxy, 'memory') === undefined ? ['memory limit'] : []),
  ];
  if (missing.length === 0) return [];
  return [
    warn({
      read: `the proxy of Pod ${nameOf(pod.metadata)} has no ${missing.join(', no ')}`,
      means:
        'a busy node may starve this proxy or end its pod first: the canary would show errors that are not of the new version',
      mend: 'annotate the pod templates of both versions: sidecar.istio.io/proxyCPU: "100m", sidecar.istio.io/proxyMemory: "128Mi", sidecar.istio.io/proxyMemoryLimit: "1Gi"',
      object: refTo('Pod', pod.metadata),
      path: 'spec.containers',
    }),
  ];
}

const compared = [
  ['CPU request', (proxy: Container) => request(proxy, 'cpu')],
  ['CPU limit', (proxy: Container) => limit(proxy, 'cpu')],
  ['memory request', (proxy: Container) => request(proxy, 'memory')],
  ['memory limit', (proxy: Container) => limit(proxy, 'memory')],
] as const;

/** One pod of stable stands for all: what differs within one version is told by the first that differs. */
function differences(mine: readonly Proxied[], theirs: readonly Proxied[], stable: string): Failure[] {
  const [model] = theirs;
  if (model === undefined) return [];
  return compared.flatMap(([name, of]) => {
    const wanted = of(model.proxy);
    const other = mine.find(({ proxy }) => !isSameQuantity(of(proxy), wanted));
    if (other === undefined) return [];
    return [unlike(other, `${of(other.proxy) ?? 'none'}`, `${name} of ${wanted ?? 'none'} at ${stable}`)];
  });
}

function unlike({ pod }: Proxied, value: string, against: string): Failure {
  return warn({
    read: `the proxy of Pod ${nameOf(pod.metadata)} has ${value} against a ${against}`,
    means: 'what differs in latency may come from the proxies and not from the new version',
    mend: 'give both pod templates the same annotations sidecar.istio.io/proxyCPU, proxyCPULimit, proxyMemory and proxyMemoryLimit',
    object: refTo('Pod', pod.metadata),
    path: 'spec.containers',
  });
}

function throttled({ pod }: Proxied, measured: ReadonlyMap<string, number>): Failure[] {
  const ratio = measured.get(pod.metadata.name);
  if (ratio === undefined || ratio <= mostThrottled) return [];
  return [
    warn({
      read: `the proxy of Pod ${nameOf(pod.metadata)} was held back in ${percent(ratio)} of its CPU periods, and more than ${percent(mostThrottled)} is seen in P99`,
      means: 'latency comes from a proxy that waits for CPU: the verdict on the new version would be wrong',
      mend: 'raise its CPU limit on the pod templates of both versions: sidecar.istio.io/proxyCPULimit: "4"',
      object: refTo('Pod', pod.metadata),
      path: 'spec.containers',
    }),
  ];
}

function notMeasured(unmeasured: readonly Proxied[], version: string): Judgement {
  const [first] = unmeasured.map(({ pod }) => nameOf(pod.metadata));
  return unknown(
    `nothing tells whether ${unmeasured.length} proxies of ${version} are held back, such as that of Pod ${first}`,
    'wait until container_cpu_cfs_throttled_periods_total is scraped for these pods, and ask again',
  );
}

function seen(mine: readonly Proxied[], measured: ReadonlyMap<string, number>, version: string): string {
  const ratios = mine.map(({ pod }) => measured.get(pod.metadata.name) ?? 0);
  const [proxy] = mine.map((one) => one.proxy);
  const words = compared.map(
    ([name, of]) => `${name} ${proxy === undefined ? 'none' : (of(proxy) ?? 'none')}`,
  );
  return `${mine.length} proxies of ${version} have ${words.join(', ')}, as stable's; held back in at most ${percent(Math.max(...ratios))} of their CPU periods`;
}

function percent(ratio: number): string {
  return `${Math.round(ratio * 1000) / 10} %`;
}
