import { z } from 'zod';
import type { Images, PodImages } from '../rollout/ports/mesh.ts';
import type { Pod, ReplicaSet } from './cluster-objects.ts';
import { isReady, servingPods } from './workload.ts';

/** The containers that a workload's own template names, by the name of the ReplicaSet that carries the template. */
export type Templates = ReadonlyMap<string, string[]>;

/** The templates of these ReplicaSets; one that shows no template is left out. */
export function templatesOf(replicaSets: ReplicaSet[]): Templates {
  const named = replicaSets.flatMap(({ metadata, spec }) => {
    const containers = spec.template?.spec?.containers;
    return containers === undefined ? [] : [[metadata.name, containers.map(({ name }) => name)] as const];
  });
  return new Map(named);
}

/**
 * What the pods with all these labels run: the digest of each container that the workload itself asks for. Pods that
 * leave are left out. A pod with a container that has no digest yet, because its image is being pulled, is not ready.
 */
export function imagesOf(pods: Pod[], labels: Record<string, string>, templates: Templates): Images {
  return { kind: 'known', pods: servingPods(pods, labels).map((pod) => podImages(pod, templates)) };
}

function podImages(pod: Pod, templates: Templates): PodImages {
  const own = ownContainers(pod, templates);
  const statuses = new Map(pod.status?.containerStatuses?.map(({ name, imageID }) => [name, imageID]));
  const digests = own.flatMap((name) => {
    const digest = digestOf(statuses.get(name) ?? '');
    return digest === null ? [] : [[name, digest] as const];
  });
  const labels = pod.metadata.labels ?? {};
  return {
    templateHash: labels['pod-template-hash'] ?? labels['controller-revision-hash'] ?? null,
    ready: isReady(pod) && own.length > 0 && digests.length === own.length,
    digests: Object.fromEntries(digests),
  };
}

/**
 * The template names the sidecar, too, where people adjust it, so what was injected is taken out in any case; a pod
 * of nothing else, such as a gateway's, keeps it.
 */
function ownContainers(pod: Pod, templates: Templates): string[] {
  const owner = pod.metadata.ownerReferences?.find(({ controller }) => controller === true);
  const template = owner?.kind === 'ReplicaSet' ? templates.get(owner.name) : undefined;
  const all = template ?? pod.spec?.containers.map(({ name }) => name) ?? [];
  const injected = injectedContainers(pod);
  const own = all.filter((name) => !injected.includes(name));
  return own.length > 0 ? own : all;
}

/** Istio's injector writes down what it added: https://istio.io/latest/docs/reference/config/annotations/#SidecarStatus */
const SidecarStatus = z.looseObject({
  containers: z.array(z.string()).nullish(),
  initContainers: z.array(z.string()).nullish(),
});

function injectedContainers({ metadata }: Pod): string[] {
  const written = metadata.annotations?.['sidecar.istio.io/status'];
  const parsed = SidecarStatus.safeParse(written === undefined ? {} : jsonOf(written));
  const { containers, initContainers } = parsed.success ? parsed.data : {};
  return ['istio-proxy', ...(containers ?? []), ...(initContainers ?? [])];
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** The digest at the end of `docker.io/shop/payment@sha256:…`, or of a bare `sha256:…`; null when there is none. */
function digestOf(imageId: string): string | null {
  return /(?:^|[@/])(sha\d+:[0-9a-f]{32,})$/.exec(imageId)?.[1] ?? null;
}
