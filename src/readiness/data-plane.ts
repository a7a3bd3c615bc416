import type { Container, Labels, Pod } from './objects.ts';

/** How the traffic of a pod passes through the mesh, or why it does not. */
export type DataPlane =
  | { kind: 'sidecar' | 'nativeSidecar'; proxy: Container }
  | { kind: 'ambient' | 'library' }
  | { kind: 'none'; why: 'hostNetwork' | 'optedOut' | 'notCaptured' | 'notInjected' };

/**
 * A pod on the network of its node is neither injected nor captured. An init container is a proxy only when it keeps
 * running, and a gRPC library is one when Istio gave it its bootstrap.
 * Sources: https://istio.io/latest/docs/setup/additional-setup/sidecar-injection/,
 * https://istio.io/latest/docs/ambient/usage/add-workloads/,
 * https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/,
 * https://istio.io/latest/blog/2021/proxyless-grpc/
 */
export function dataPlaneOf({ metadata, spec }: Pod): DataPlane {
  if (spec.hostNetwork === true) return { kind: 'none', why: 'hostNetwork' };
  const annotations = metadata.annotations ?? {};
  if (isProxyless(annotations, spec)) return { kind: 'library' };
  const sidecar = spec.containers.find(isProxy);
  if (sidecar !== undefined) return { kind: 'sidecar', proxy: sidecar };
  const native = spec.initContainers?.find((one) => isProxy(one) && one.restartPolicy === 'Always');
  if (native !== undefined) return { kind: 'nativeSidecar', proxy: native };
  if (annotations['ambient.istio.io/redirection'] === 'enabled') return { kind: 'ambient' };
  return { kind: 'none', why: whyNone(metadata.labels ?? {}, annotations) };
}

function isProxyless(annotations: Labels, { containers, initContainers }: Pod['spec']): boolean {
  const templates = (annotations['inject.istio.io/templates'] ?? '').split(',').map((name) => name.trim());
  const isHelped =
    containers.some(isProxy) || initContainers?.some(({ name }) => name === 'grpc-bootstrap-init') === true;
  return isHelped && templates.some((name) => name === 'grpc-agent' || name === 'grpc-simple');
}

function whyNone(labels: Labels, annotations: Labels): 'optedOut' | 'notCaptured' | 'notInjected' {
  const asksForAmbient = labels['istio.io/dataplane-mode'] === 'ambient';
  if (asksForAmbient || annotations['ambient.istio.io/redirection'] !== undefined) return 'notCaptured';
  const inject = labels['sidecar.istio.io/inject'] ?? annotations['sidecar.istio.io/inject'] ?? 'true';
  return saysYes(inject) ? 'notInjected' : 'optedOut';
}

/** The words that Istio's injector takes for yes. */
export function saysYes(word: string): boolean {
  return ['true', 'yes', 'on', 'y'].includes(word.toLowerCase());
}

/** The proxy's container of a pod that has one of its own. */
export function proxyOf(pod: Pod): Container | null {
  const plane = dataPlaneOf(pod);
  return plane.kind === 'sidecar' || plane.kind === 'nativeSidecar' ? plane.proxy : null;
}

function isProxy({ name }: Container): boolean {
  return name === 'istio-proxy';
}
