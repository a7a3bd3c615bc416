import { createHash } from 'node:crypto';
import type { JsonObject } from './json.ts';

/** The version of Istio that the mesh shows: proxies and control plane have the same. */
const istioVersion = '1.31.0';

/** The image of one of Istio's own programs, such as `proxyv2`. */
export function istioImage(program: string): string {
  return `docker.io/istio/${program}:${istioVersion}`;
}

/** The container that a Deployment asks for, with its image by digest. */
export function appContainer(name: string, image: string): JsonObject {
  return {
    name,
    image: pinned(image),
    ports: [{ name: 'http', containerPort: 8080, protocol: 'TCP' }],
    resources: { requests: { cpu: '500m', memory: '512Mi' }, limits: { cpu: '2', memory: '1Gi' } },
    readinessProbe: probe('/ready'),
    livenessProbe: probe('/live'),
  };
}

function probe(path: string): JsonObject {
  return { httpGet: { path, port: 8080, scheme: 'HTTP' }, periodSeconds: 10, timeoutSeconds: 1 };
}

/** The proxy as Istio's injector adds it, with the limits of Istio's chart; a gateway's pods have nothing else. */
export function proxyContainer(): JsonObject {
  return {
    name: 'istio-proxy',
    image: istioImage('proxyv2'),
    resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { cpu: '2', memory: '1Gi' } },
    readinessProbe: { httpGet: { path: '/healthz/ready', port: 15021, scheme: 'HTTP' }, periodSeconds: 15 },
  };
}

/** The init container that leads a pod's traffic to its proxy. */
function redirection(): JsonObject {
  return { name: 'istio-init', image: istioImage('proxyv2') };
}

/**
 * What the injector adds to a pod, and the note that it leaves. A native sidecar is an init container that goes on
 * running: https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/
 */
export function injected(isNative: boolean): { note: string; init: JsonObject[]; beside: JsonObject[] } {
  const init = isNative ? [redirection(), { ...proxyContainer(), restartPolicy: 'Always' }] : [redirection()];
  const beside = isNative ? [] : [proxyContainer()];
  const namesOf = (all: readonly JsonObject[]) => all.map(({ name = '' }) => name);
  const containers = beside.length === 0 ? null : namesOf(beside);
  const note = JSON.stringify({ initContainers: namesOf(init), containers, revision: 'default' });
  return { note, init, beside };
}

/** `name:tag@sha256:…`: which image it is, whoever moves the tag. */
function pinned(image: string): string {
  return image.includes('@') ? image : `${image}@${imageDigest(image)}`;
}

/** A running container's image as the container runtime names it. */
export function imageIdOf(image: string): string {
  const [name = '', digest = imageDigest(image)] = image.split('@');
  return `${name.split(':')[0]}@${digest}`;
}

/** A digest that depends on the image name only: the same image is the same digest in every pod. */
function imageDigest(image: string): string {
  return `sha256:${createHash('sha256').update(image).digest('hex')}`;
}
