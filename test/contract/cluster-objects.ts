import { createHash } from 'node:crypto';
import { type JsonObject, objectAt } from '../../src/sandbox/json.ts';

export const service = 'payment-service';
const subsets = ['v1', 'v2', 'v3'] as const;

/** Pods for these subsets, so many each; the third one stays without. */
export const podCounts: Record<string, number> = { v1: 2, v2: 2 };

export function namespaceObject(name: string): JsonObject {
  const labels = { 'canaryd.io/contract-suite': 'true', 'istio-injection': 'disabled' };
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
}

export function serviceObject(): JsonObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: service },
    spec: { selector: { app: service }, ports: [{ name: 'http', port: 8080 }] },
  };
}

export function destinationRuleObject(): JsonObject {
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'DestinationRule',
    metadata: { name: service },
    spec: { host: service, subsets: subsets.map((version) => ({ name: version, labels: { version } })) },
  };
}

/** A VirtualService with these weights by subset. */
export function virtualServiceObject(name: string, weights: Record<string, number>): JsonObject {
  const route = Object.entries(weights).map(([subset, weight]) => ({
    destination: { host: service, subset },
    weight,
  }));
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name },
    spec: { hosts: [service], http: [{ name: 'primary', route }] },
  };
}

/** One in another namespace than the service, whose host it therefore writes in full. */
export function gatewayObject(name: string, weights: Record<string, number>, home: string): JsonObject {
  const host = `${service}.${home}.svc.cluster.local`;
  const text = JSON.stringify(virtualServiceObject(name, weights));
  const object: JsonObject = JSON.parse(text.replaceAll(`"host":"${service}"`, `"host":"${host}"`));
  return { ...object, spec: { ...objectAt(object, 'spec'), hosts: ['pay.bank'] } };
}

export function podName(subset: string, index: number): string {
  return `${service}-${subset}-${index}`;
}

/**
 * A pod that nothing ever runs: its scheduler does not exist, so it gets no node and no kubelet, its image is never
 * pulled, and its status is what the suite writes into it.
 */
export function podObject(subset: string, index: number): JsonObject {
  const securityContext = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: podName(subset, index), labels: podLabels(subset, 'first') },
    spec: {
      schedulerName: 'canaryd-contract-suite-has-none',
      automountServiceAccountToken: false,
      // What the strictest pod security standard asks for.
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [{ name: 'app', image: 'none', securityContext }],
    },
  };
}

/** The labels of a pod of this subset; `batch` tells one rollout of its Deployment from the next. */
export function podLabels(subset: string, batch: string): Record<string, string> {
  return { app: service, version: subset, 'pod-template-hash': `${subset}-${batch}` };
}

export function readiness(isReady: boolean): JsonObject {
  return { phase: 'Running', conditions: [{ type: 'Ready', status: isReady ? 'True' : 'False' }] };
}

/** What the only container of a pod runs, by a digest that depends on the image's name. */
export function containers(image: string): JsonObject {
  const digest = createHash('sha256').update(image).digest('hex');
  const state = { running: { startedAt: '2026-01-01T00:00:00Z' } };
  const one = { name: 'app', image, imageID: `none@sha256:${digest}`, ready: true, restartCount: 0, state };
  return { containerStatuses: [one] };
}
