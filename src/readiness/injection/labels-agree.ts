import { defineCheck } from '../check.ts';
import type { Failure, Judgement } from '../finding.ts';
import { bounded, orPass, refTo, skip, unknown, warn } from '../judgement.ts';
import type { Deployment, Labels, Namespace, Pod } from '../objects.ts';
import { podsOf } from '../select.ts';
import type { Arm, Subject } from '../snapshot.ts';
import { deploymentsOf } from '../workload/deployments.ts';
import { type Asked, type Injection, injectionOf } from './injection-labels.ts';

export const injectionLabelsAgree = defineCheck({
  id: 'PF-SC-02',
  title: 'namespace and pods ask for a proxy with one voice',
  family: 'injection',
  priority: 'P1',
  codes: ['IST0102', 'IST0123', 'IST0148'],
  again: false,
  severity: 'warn',
  needs: ['namespaces', 'meshConfig', 'deployments', 'pods'],
  judge: (seen, subject) => judge({ ...seen, byDefault: seen.meshConfig.injectsByDefault }, subject),
});

type Facts = {
  namespaces: readonly Namespace[];
  deployments: readonly Deployment[];
  pods: readonly Pod[];
  byDefault: boolean;
};

function judge(facts: Facts, { stable, canary }: Subject): Judgement[] {
  if (canary.podLabels === null)
    return [skip(`${canary.version} (${canary.host}) has no pods in this cluster`)];
  const namespace = facts.namespaces.find(({ metadata }) => metadata.name === canary.service.namespace);
  const asked = askedBy(canary, facts);
  if (namespace === undefined || asked === null) return [missing(canary, namespace)];
  const before = askedBy(stable, facts);
  const failures = [
    ...twoLabels(namespace),
    ...complaints(namespace, asked, canary.version),
    ...(before === null ? [] : otherwise(namespace, asked, before)),
  ];
  return orPass(bounded(failures), passWords(canary.version, asked));
}

function missing({ version, service }: Arm, namespace: Namespace | undefined): Judgement {
  if (namespace === undefined) {
    return unknown(
      `Namespace ${service.namespace} was not among those read: its labels are not known`,
      `let canaryd read it: kubectl auth can-i get namespace/${service.namespace}`,
    );
  }
  return unknown(
    `${version} has no Deployment and no pod in ${service.namespace} whose labels could be read`,
    `deploy ${version} and ask again`,
  );
}

/** A pod template says what people asked for; a running pod has `istio.io/rev` from the injector itself. */
function askedBy(arm: Arm, { namespaces, deployments, pods, byDefault }: Facts): Asked | null {
  const namespace = namespaces.find(({ metadata }) => metadata.name === arm.service.namespace);
  const [template] = deploymentsOf(arm, deployments).map(({ spec }) => spec.template.metadata);
  const [pod] = podsOf(arm, pods).map(({ metadata }) => ({
    ...metadata,
    labels: withoutRevision(metadata.labels),
  }));
  const source = template ?? pod;
  if (source === undefined) return null;
  return {
    namespace: namespace?.metadata.labels ?? {},
    labels: source?.labels ?? {},
    annotations: source?.annotations ?? {},
    byDefault,
  };
}

function withoutRevision(labels: Labels | null | undefined): Labels {
  return Object.fromEntries(Object.entries(labels ?? {}).filter(([key]) => key !== 'istio.io/rev'));
}

function twoLabels({ metadata }: Namespace): Failure[] {
  const own = metadata.labels?.['istio-injection'];
  const revision = metadata.labels?.['istio.io/rev'];
  if (own === undefined || revision === undefined) return [];
  const means = `Istio obeys istio-injection alone, and what it stands for is the revision behind the tag default: the next pods of the canary come from ${revision} only where that is the same`;
  return [
    warn({
      read: `Namespace ${metadata.name} has both istio-injection=${own} and istio.io/rev=${revision}`,
      means,
      mend: `keep one of the two: kubectl label namespace ${metadata.name} istio-injection-`,
      object: refTo('Namespace', metadata),
      path: 'metadata.labels',
    }),
  ];
}

function complaints({ metadata }: Namespace, asked: Asked, version: string): Failure[] {
  const injection = injectionOf(asked);
  const facts = { object: refTo('Namespace', metadata), path: 'metadata.labels' };
  if (isAmbient(asked)) return injection.isOn ? [twoModes(metadata.name, injection, facts)] : [];
  if (!injection.isOn) return [notAsked(metadata.name, injection, version, facts)];
  const wanted = asked.labels['istio.io/rev'];
  if (wanted === undefined || wanted === (injection.revision ?? 'default')) return [];
  return [
    warn({
      ...facts,
      read: `the pod template of ${version} asks for istio.io/rev=${wanted}, and ${injection.by} outweighs it`,
      means: `new pods of ${version} get the proxy of another revision than their template says`,
      mend: `take istio.io/rev out of the pod template, or move the namespace: kubectl label namespace ${metadata.name} istio-injection- istio.io/rev=${wanted} --overwrite`,
    }),
  ];
}

type Place = Pick<Failure, 'object' | 'path'>;

function notAsked(namespace: string, { by }: Injection, version: string, place: Place): Failure {
  return warn({
    ...place,
    read: `new pods of ${version} are not injected: what decides is ${by}`,
    means: `a pod of ${version} that is made during the rollout, such as by an autoscaler, would serve users without a proxy`,
    mend: `take sidecar.istio.io/inject out of the pod template where it says no, and: kubectl label namespace ${namespace} istio-injection=enabled --overwrite`,
  });
}

function twoModes(namespace: string, { by }: Injection, place: Place): Failure {
  return warn({
    ...place,
    read: `Namespace ${namespace} is in ambient mode, and ${by} asks for a sidecar`,
    means:
      'pods with a sidecar are not captured by ztunnel: some pods would be in one mode and some in the other',
    mend: `choose one: kubectl label namespace ${namespace} istio-injection- or kubectl label namespace ${namespace} istio.io/dataplane-mode-`,
  });
}

/** Source: https://istio.io/latest/docs/ambient/usage/add-workloads/ */
function isAmbient({ namespace, labels }: Asked): boolean {
  return (labels['istio.io/dataplane-mode'] ?? namespace['istio.io/dataplane-mode']) === 'ambient';
}

function otherwise({ metadata }: Namespace, canary: Asked, stable: Asked): Failure[] {
  const [mine, theirs] = [injectionOf(canary), injectionOf(stable)];
  if (mine.isOn && !theirs.isOn && !isAmbient(stable)) {
    return [unlike(metadata, `stable's pods are not injected (${theirs.by}), the canary's are`)];
  }
  if (!mine.isOn || !theirs.isOn || mine.revision === theirs.revision) return [];
  const words = [theirs, mine].map(({ revision }) => revision ?? 'the default');
  return [unlike(metadata, `stable's proxies come from revision ${words[0]}, the canary's from ${words[1]}`)];
}

function unlike(metadata: Namespace['metadata'], read: string): Failure {
  return warn({
    read,
    means: 'what differs in errors and latency may come from the proxies and not from the new version',
    mend: 'give both pod templates the same sidecar.istio.io/inject and istio.io/rev',
    object: refTo('Namespace', metadata),
    path: 'metadata.labels',
  });
}

function passWords(version: string, asked: Asked): string {
  if (isAmbient(asked)) return `new pods of ${version} are in ambient mode, and nothing asks for a sidecar`;
  return `new pods of ${version} are injected by ${injectionOf(asked).by}`;
}
