import { defineCheck } from '../check.ts';
import { type DataPlane, dataPlaneOf } from '../data-plane.ts';
import type { Failure, Judgement } from '../finding.ts';
import { bounded, error, orPass, refTo, skip, unknown, warn } from '../judgement.ts';
import type { Pod } from '../objects.ts';
import { remake } from '../remake.ts';
import { nameOf, podsOf } from '../select.ts';
import type { Subject } from '../snapshot.ts';

export const everyPodHasProxy = defineCheck({
  id: 'PF-SC-01',
  title: 'every pod of the canary has a proxy',
  family: 'injection',
  priority: 'P0',
  codes: ['IST0103'],
  again: false,
  severity: 'error',
  needs: ['pods'],
  judge: ({ pods }, subject) => judge(pods, subject),
});

function judge(all: readonly Pod[], { stable, canary }: Subject): Judgement[] {
  if (canary.podLabels === null)
    return [skip(`${canary.version} (${canary.host}) has no pods in this cluster`)];
  const pods = podsOf(canary, all);
  if (pods.length === 0) return [noPods(canary)];
  const isAsChosen = isOnHostNetwork(podsOf(stable, all)) && isOnHostNetwork(pods);
  const failures = pods.flatMap((pod) => fault(pod, dataPlaneOf(pod), isAsChosen));
  return orPass(bounded(failures), seen(pods, canary.version));
}

function noPods({ version, service }: Subject['canary']): Judgement {
  return unknown(
    `${version} has no pod in ${service.namespace}: whether its pods get a proxy is not known`,
    `start at least one pod of ${version} and ask again`,
  );
}

/** A service that has always lived on the network of its nodes is nobody's mistake of this rollout. */
function isOnHostNetwork(pods: readonly Pod[]): boolean {
  return pods.length > 0 && pods.every(({ spec }) => spec.hostNetwork === true);
}

function fault(pod: Pod, plane: DataPlane, isAsChosen: boolean): Failure[] {
  if (plane.kind !== 'none') return [];
  const { read, mend, path } = reasons[plane.why](pod);
  const facts = { read, mend, path, object: refTo('Pod', pod.metadata) };
  if (isAsChosen) return [warn({ ...facts, means: `${unguarded}; stable runs the same way` })];
  return [error({ ...facts, means: unguarded })];
}

const unguarded =
  'users of the canary would reach it in plain text and past every AuthorizationPolicy, and no proxy of its own counts its errors and latency';

const reasons: Record<
  Extract<DataPlane, { kind: 'none' }>['why'],
  (pod: Pod) => { read: string; mend: string; path: string }
> = {
  hostNetwork: ({ metadata }) => ({
    read: `Pod ${nameOf(metadata)} uses the network of its node (hostNetwork: true), where Istio injects no proxy`,
    mend: 'take hostNetwork: true out of the pod template of the canary',
    path: 'spec.hostNetwork',
  }),
  optedOut: (pod) => ({
    read: `Pod ${nameOf(pod.metadata)} says sidecar.istio.io/inject=false and has no istio-proxy container`,
    mend: `take sidecar.istio.io/inject out of the pod template of the canary, which makes its pods anew, or afterwards: ${remake(pod)}`,
    path: 'metadata.labels',
  }),
  notCaptured: (pod) => ({
    read: `Pod ${nameOf(pod.metadata)} asks for ambient mode and is not annotated ambient.istio.io/redirection=enabled: ztunnel does not capture it`,
    mend: `see why istio-cni on its node did not take it (kubectl -n istio-system logs daemonset/istio-cni-node), then: ${remake(pod)}`,
    path: 'metadata.annotations',
  }),
  notInjected: (pod) => ({
    read: `Pod ${nameOf(pod.metadata)} has no istio-proxy container: it has ${containerWords(pod)}`,
    mend: `let the labels of PF-SC-02 ask for injection, then make the pods anew: ${remake(pod)}`,
    path: 'spec.containers',
  }),
};

function containerWords({ spec }: Pod): string {
  return spec.containers.map(({ name }) => name).join(', ');
}

/** Such as `3 of 3 pods of v2 have a proxy: 3 sidecars`. */
function seen(pods: readonly Pod[], version: string): string {
  const kinds = pods.map((pod) => dataPlaneOf(pod).kind);
  const counts = Object.entries(kindWords).flatMap(([kind, word]) => {
    const count = kinds.filter((one) => one === kind).length;
    return count === 0 ? [] : [`${count} ${word}`];
  });
  return `${pods.length} of ${pods.length} pods of ${version} have a proxy: ${counts.join(', ')}`;
}

const kindWords: Record<DataPlane['kind'], string> = {
  sidecar: 'by sidecar',
  nativeSidecar: 'by native sidecar',
  ambient: 'by ztunnel (ambient)',
  library: 'within gRPC itself (proxyless)',
  none: 'none',
};
