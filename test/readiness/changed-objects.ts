import * as objects from '../../src/readiness/objects.ts';
import * as bank from './bank-objects.ts';
import { parsed } from './healthy.ts';

type Version = 'v1' | 'v2' | 'both';

/** A fact whose objects a test may change further. */
function listed<Value>(value: Value[]): { kind: 'read'; value: Value[] } {
  return { kind: 'read', value };
}

function isOf(version: Version, labels: objects.Labels | null | undefined): boolean {
  return version === 'both' || labels?.['version'] === version;
}

/** The bank's pods, those of a version changed. */
export function podsWith(version: Version, change: (pod: objects.Pod) => objects.Pod) {
  const pods = parsed(objects.Pod, bank.pods);
  return listed(pods.map((pod) => (isOf(version, pod.metadata.labels) ? change(pod) : pod)));
}

/** A change of the metadata of a pod. */
export function labelled(labels: Record<string, string>, annotations: Record<string, string> = {}) {
  return (pod: objects.Pod): objects.Pod => ({
    ...pod,
    metadata: {
      ...pod.metadata,
      labels: { ...pod.metadata.labels, ...labels },
      annotations: { ...pod.metadata.annotations, ...annotations },
    },
  });
}

/** A change of one container of a pod, or its removal. */
export function container(name: string, change: (one: objects.Container) => objects.Container | null) {
  return (pod: objects.Pod): objects.Pod => {
    const containers = pod.spec.containers.flatMap((one) => {
      const changed = one.name === name ? change(one) : one;
      return changed === null ? [] : [changed];
    });
    return { ...pod, spec: { ...pod.spec, containers } };
  };
}

export const withoutProxy = container('istio-proxy', () => null);

/** A pod that is there and does not take requests. */
export function notReady(pod: objects.Pod): objects.Pod {
  return { ...pod, status: { ...pod.status, conditions: [{ type: 'Ready', status: 'False' }] } };
}

/** The bank's Deployments, the template of those of a version changed. */
export function templatesWith(
  version: Version,
  change: (template: objects.Deployment['spec']['template']) => objects.Deployment['spec']['template'],
) {
  const deployments = parsed(objects.Deployment, bank.deployments);
  return listed(
    deployments.map((one) => {
      if (!isOf(version, one.spec.template.metadata?.labels)) return one;
      return { ...one, spec: { ...one.spec, template: change(one.spec.template) } };
    }),
  );
}

/** A change of the labels and annotations of a pod template. */
export function asking(labels: Record<string, string>, annotations: Record<string, string> = {}) {
  return (template: objects.Deployment['spec']['template']): objects.Deployment['spec']['template'] => ({
    ...template,
    metadata: { labels: { ...template.metadata?.labels, ...labels }, annotations },
  });
}

/** The bank's autoscalers, that of a version changed. */
export function autoscalersWith(
  version: 'v1' | 'v2',
  change: (one: objects.Autoscaler) => objects.Autoscaler,
) {
  const autoscalers = parsed(objects.Autoscaler, bank.autoscalers);
  return listed(autoscalers.map((one) => (one.metadata.name.endsWith(version) ? change(one) : one)));
}

/** The bank's namespaces, the one of the payments with other labels; undefined takes one away. */
export function namespaceLabelled(labels: Record<string, string | undefined>) {
  const namespaces = parsed(objects.Namespace, bank.namespaces);
  return listed(
    namespaces.map((one) => {
      if (one.metadata.name !== 'payment-prod') return one;
      const all = Object.entries({ ...one.metadata.labels, ...labels });
      const set = all.flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const]));
      return { ...one, metadata: { ...one.metadata, labels: Object.fromEntries(set) } };
    }),
  );
}
