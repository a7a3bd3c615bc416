import type { Images, MeshView, PodImages } from './ports/mesh.ts';
import type { Identity, Rollout } from './rollout.ts';

/** What the pods behind a destination are at this moment. */
type Present =
  | { kind: 'unknown'; why: string }
  /** No pod is ready, or the pods run different images. */
  | { kind: 'unsettled'; why: string }
  | { kind: 'settled'; identity: Identity };

/**
 * Reads what a destination is: one image digest for each container, the same in every pod. One that is not ready yet
 * counts too, as it is about to serve: what is begun with it there would be stopped by it at once.
 */
export function presentIn(images: Images): Present {
  if (images.kind === 'unknown') return images;
  const ready = images.pods.filter((pod) => pod.ready);
  const [first] = ready;
  if (first === undefined) return { kind: 'unsettled', why: 'none of its pods is ready' };
  const other = images.pods.map((pod) => differenceFrom(first, pod)).find((found) => found !== null);
  if (other !== undefined) {
    return { kind: 'unsettled', why: `its pods run several images of container ${other.container}` };
  }
  return { kind: 'settled', identity: { digests: first.digests, templateHashes: hashesOf(ready) } };
}

type Difference = { container: string; from: string; to: string };

/** Whether the canary is still what it was: a change says what differs, a restart which pod templates are new. */
type Since =
  | { kind: 'same' }
  | ({ kind: 'changed' } & Difference)
  | { kind: 'restarted'; identity: Identity };

/**
 * Compares the canary's pods with what it was. A pod that is not ready yet tells of a change all the same: it is about
 * to serve. That there is no ready pod is no change.
 */
export function changeSince(identity: Identity | null, images: Images): Since {
  if (identity === null || images.kind === 'unknown') return { kind: 'same' };
  for (const pod of images.pods) {
    const difference = differenceFrom(identity, pod);
    if (difference !== null) return { kind: 'changed', ...difference };
  }
  const fresh = hashesOf(images.pods.filter(({ ready }) => ready)).filter(
    (hash) => !identity.templateHashes.includes(hash),
  );
  if (fresh.length === 0) return { kind: 'same' };
  const templateHashes = [...identity.templateHashes, ...fresh];
  return { kind: 'restarted', identity: { ...identity, templateHashes } };
}

/**
 * Stable's pods: all, the ready ones, those of them that run the canary's images already, and all pods that run them,
 * ready or not.
 */
export type Carriers = { total: number; ready: number; carrying: number; present: number };

/** Counts how far stable has been brought to the canary's images; null when that is not known. */
export function carriersIn(images: Images, identity: Identity | null): Carriers | null {
  if (identity === null || images.kind === 'unknown') return null;
  const ready = images.pods.filter((pod) => pod.ready);
  const present = images.pods.filter((pod) => differenceIn(identity.digests, pod.digests) === null);
  const carrying = present.filter((pod) => pod.ready);
  return {
    total: images.pods.length,
    ready: ready.length,
    carrying: carrying.length,
    present: present.length,
  };
}

/** What the canary is gets written down as soon as it can be told, at the start and after a person accepted another one. */
export function identified(rollout: Rollout, view: MeshView): Rollout {
  if (rollout.identity !== null || view.kind !== 'split') return rollout;
  const present = presentIn(view.images.canary);
  return present.kind === 'settled' ? { ...rollout, identity: present.identity } : rollout;
}

/** A pod that is still starting may lack digests: what is not known of it is taken as unchanged. */
function differenceFrom({ digests }: Pick<Identity, 'digests'>, pod: PodImages): Difference | null {
  return differenceIn(digests, pod.ready ? pod.digests : { ...digests, ...pod.digests });
}

function differenceIn(before: Record<string, string>, after: Record<string, string>): Difference | null {
  const containers = new Set([...Object.keys(before), ...Object.keys(after)]);
  for (const container of containers) {
    const [from = '', to = ''] = [before[container], after[container]];
    if (from !== to) return { container, from, to };
  }
  return null;
}

function hashesOf(pods: PodImages[]): string[] {
  return [...new Set(pods.flatMap(({ templateHash }) => templateHash ?? []))];
}
