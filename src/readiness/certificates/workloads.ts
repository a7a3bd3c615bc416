import { defineCheck } from '../check.ts';
import type { Failure, Judgement } from '../finding.ts';
import { istiodLogs, namingIstiod } from '../istiod.ts';
import { bounded, error, orPass, skip, unknown, warn } from '../judgement.ts';
import type { Pod } from '../objects.ts';
import { podsOf } from '../select.ts';
import type { ProxyCertificates, Subject } from '../snapshot.ts';
import { spanOf } from '../time-words.ts';

/**
 * An agent asks for a new certificate when half of the present one's life has passed, or as late as the mesh says.
 * Below a quarter it is late by any usual setting.
 * Source: SECRET_TTL and SECRET_GRACE_PERIOD_RATIO in https://istio.io/latest/docs/reference/commands/pilot-agent/
 */
const leastOfLife = 0.25;

type Held = ProxyCertificates['pods'][number];

export const workloadsRotate = namingIstiod((istiod) =>
  defineCheck({
    id: 'PF-CR-01',
    title: 'Every proxy of both versions gets a new certificate in time',
    family: 'certificates',
    priority: 'P0',
    codes: [],
    again: false,
    severity: 'error',
    needs: ['proxyCertificates', 'pods'],
    judge: ({ proxyCertificates: { ttl, pods: held }, pods }, subject) => {
      if (!(ttl > 0))
        return [unknown('the metrics do not tell how long a certificate of a proxy lives', askAgain)];
      const proxied = proxiedPods(subject, pods);
      if (proxied.length === 0)
        return [skip('no pod of either version has a proxy with a certificate of its own')];
      const ours = held.filter(
        ({ pod, secondsLeft }) => proxied.includes(pod) && Number.isFinite(secondsLeft),
      );
      const silent = proxied.filter((name) => ours.every(({ pod }) => pod !== name));
      const late = ours.toSorted((one, other) => one.secondsLeft - other.secondsLeft);
      const failures = bounded(late.flatMap((one) => judgeOne(one, ttl, { subject, istiod })));
      return orPass([...failures, ...unheard(silent, subject)], allInTime(late, ttl));
    },
  }),
);

const askAgain =
  'scrape port 15020 of the proxies, whose agents tell istio_agent_cert_expiry_seconds, and ask again';

/** Pods that hold a certificate themselves: in an ambient mesh ztunnel does, on the node. */
function proxiedPods({ stable, canary }: Subject, pods: readonly Pod[]): string[] {
  const ours = new Set([stable, canary].flatMap((arm) => podsOf(arm, pods)));
  const isProxied = ({ spec }: Pod) =>
    [...spec.containers, ...(spec.initContainers ?? [])].some(({ name }) => name === 'istio-proxy');
  return [...ours].filter(isProxied).map(({ metadata }) => metadata.name);
}

function judgeOne(
  { pod, arm, secondsLeft }: Held,
  ttl: number,
  { subject, istiod }: { subject: Subject; istiod: string },
): Failure[] {
  if (secondsLeft >= ttl * leastOfLife) return [];
  const { version, service } = subject[arm];
  const where = { object: { kind: 'Pod', namespace: service.namespace, name: pod } };
  const mend = `look for refused requests for certificates (${istiodLogs(istiod, '1h')} | grep -i csr), then give the pod a new certificate: kubectl -n ${service.namespace} delete pod ${pod}`;
  if (secondsLeft <= 0) {
    return [
      error({
        ...where,
        mend,
        read: `the certificate of pod ${pod} of ${version} expired ${spanOf(-secondsLeft)} ago`,
        means: `other proxies refuse its mutual TLS: requests that the split sends to this pod of ${version} fail`,
      }),
    ];
  }
  const left = Math.floor((secondsLeft / ttl) * 100);
  return [
    warn({
      ...where,
      mend,
      read: `the certificate of pod ${pod} of ${version} has ${spanOf(secondsLeft)} of its ${spanOf(ttl)} left (${left} %; a new one is due at 50 %, and 25 % is the least)`,
      means: `it is not being renewed: in ${spanOf(secondsLeft)} the mutual TLS of this pod of ${version} fails, and the rollout may take ${spanOf(subject.deadline)}`,
    }),
  ];
}

function unheard(silent: readonly string[], { canary }: Subject): Judgement[] {
  const [first] = silent;
  if (first === undefined) return [];
  const read = `no time left is known for the certificate of ${silent.slice(0, 5).join(', ')}${silent.length > 5 ? ` and ${silent.length - 5} more pods` : ''}`;
  const look = `istioctl -n ${canary.service.namespace} proxy-config secret ${first}`;
  return [unknown(read, `${askAgain}; or look: ${look}`)];
}

function allInTime(late: readonly Held[], ttl: number): string {
  const [first] = late;
  const left = first === undefined ? '' : `: the least is ${spanOf(first.secondsLeft)}, in ${first.pod}`;
  return `${late.length} proxies of both versions have at least a quarter of their certificates' ${spanOf(ttl)} left${left}`;
}
