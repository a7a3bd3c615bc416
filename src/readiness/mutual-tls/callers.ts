import { z } from 'zod';
import { defineCheck } from '../check.ts';
import { listWords } from '../destination-rule/words.ts';
import type { Judgement } from '../finding.ts';
import { error, pass, unknown, warn } from '../judgement.ts';
import type { Pod } from '../objects.ts';
import { podsOf } from '../select.ts';
import type { Caller, Subject } from '../snapshot.ts';

const label = 'connection_security_policy';

/** One request in a thousand. */
const errorRatio = 0.001;

/** What Istio calls a caller that it knows nothing of. */
const unknownCaller = 'unknown';

/**
 * Who sends plaintext has no proxy that could obey a weight: kube-proxy spreads its requests over all pods. A caller
 * of another mesh comes by mutual TLS and is none of these.
 * Source: https://istio.io/latest/docs/reference/config/metrics/ (Connection Security Policy)
 */
export const callersUseMutualTls = defineCheck({
  id: 'PF-MT-02',
  title: 'No caller comes in plaintext, past the weights',
  family: 'mutual-tls',
  priority: 'P0',
  codes: [],
  again: false,
  severity: 'error',
  needs: ['callers', 'metricLabels', 'pods'],
  judge: ({ callers, metricLabels, pods }, subject) => {
    if (!metricLabels.includes(label)) return [withoutLabel];
    const total = sum(callers.map(({ requestsPerSecond }) => requestsPerSecond));
    if (total <= 0) return [nobodyCalls];
    const probes = probesPerSecond(subject, pods);
    const plain = callers
      .map((caller) => ({ ...caller, plaintextPerSecond: withoutProbes(caller, probes) }))
      .filter(({ plaintextPerSecond }) => plaintextPerSecond > 0)
      .toSorted((one, other) => other.plaintextPerSecond - one.plaintextPerSecond);
    if (plain.length > 0) return [plaintext(plain, total, subject)];
    return [
      pass(
        `${rate(total)} from ${listWords(callers.map(nameOfCaller).toSorted())}, none of them in plaintext`,
      ),
    ];
  },
});

const withoutLabel = unknown(
  `the metric istio_requests_total has no label ${label}: nothing tells plaintext from mutual TLS`,
  'a Telemetry override removes the label; keep it: kubectl get telemetries -A -o yaml | grep -B5 -A5 connection_security_policy',
);

const nobodyCalls = unknown(
  'the service had no request in the window, so that nobody knows how callers come',
  'ask again when it has traffic',
);

function plaintext(plain: readonly Caller[], total: number, { stable, canary }: Subject): Judgement {
  const inPlain = sum(plain.map(({ plaintextPerSecond }) => plaintextPerSecond));
  const ratio = inPlain / total;
  const callers = plain.map((caller) => `${nameOfCaller(caller)} ${rate(caller.plaintextPerSecond)}`);
  const failure = {
    read: `${percent(ratio)} of the requests come in plaintext, ${rate(inPlain)} of ${rate(total)}: ${listWords(callers)}; the limit is ${percent(errorRatio)}`,
    means: `these callers have no proxy that obeys the weights: kube-proxy gives them ${canary.version} by its number of pods, from the moment its pods are ready, and going back to ${stable.version} does not take them off it`,
    mend: `bring the callers into the mesh, or let them come by a gateway: ${mendFor(plain)}`,
  };
  return ratio > errorRatio ? error(failure) : warn(failure);
}

function mendFor(plain: readonly Caller[]): string {
  const known = plain.find(({ namespace }) => namespace !== unknownCaller);
  if (known === undefined) {
    return 'their workload is not known to the mesh; the access logs of the pods have their addresses: kubectl logs -c istio-proxy';
  }
  return `kubectl label namespace ${known.namespace} istio-injection=enabled, then kubectl -n ${known.namespace} rollout restart deployment ${known.workload}`;
}

function nameOfCaller({ namespace, workload }: Caller): string {
  return workload === unknownCaller ? 'a caller that the mesh does not know' : `${namespace}/${workload}`;
}

/** The kubelet's own requests come from nowhere that the mesh knows, when the agent does not take them. */
function withoutProbes({ workload, plaintextPerSecond }: Caller, probes: number): number {
  if (workload !== unknownCaller) return plaintextPerSecond;
  // Rates of a few scrapes are off by some percent.
  return plaintextPerSecond <= probes * 1.1 ? 0 : plaintextPerSecond;
}

const Probe = z.looseObject({ httpGet: z.looseObject({}), periodSeconds: z.number().positive().optional() });

/**
 * HTTP probes that reach the application past the agent, which otherwise takes them in its stead.
 * Source: https://istio.io/latest/docs/ops/configuration/mesh/app-health-check/
 */
function probesPerSecond({ stable, canary }: Subject, pods: readonly Pod[]): number {
  const probed = [...podsOf(stable, pods), ...podsOf(canary, pods)].filter(
    ({ metadata }) => metadata.annotations?.['sidecar.istio.io/rewriteAppHTTPProbers'] === 'false',
  );
  const probes = probed
    .flatMap(({ spec }) => spec.containers)
    .flatMap(({ livenessProbe, readinessProbe }) => [livenessProbe, readinessProbe])
    .flatMap((probe) => Probe.safeParse(probe).data ?? []);
  return sum(probes.map(({ periodSeconds }) => 1 / (periodSeconds ?? 10)));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}

function rate(perSecond: number): string {
  return `${Number(perSecond.toPrecision(3))} requests/s`;
}

function percent(ratio: number): string {
  return `${Number((ratio * 100).toPrecision(2))} %`;
}
