import type { Images, PodImages } from './ports/mesh.ts';
import type { Identity } from './rollout.ts';

/** What the pods behind a destination are at this moment. */
type Present =
  | { kind: 'unknown'; why: string }
  /** No pod is ready, or ready pods run different images. */
  | { kind: 'unsettled'; why: string }
  | { kind: 'settled'; identity: Identity };

/** Reads what a destination is: one image digest for each container, the same in every ready pod. */
export function presentIn(images: Images): Present {
  if (images.kind === 'unknown') return images;
  const ready = images.pods.filter((pod) => pod.ready);
  const [first] = ready;
  if (first === undefined) return { kind: 'unsettled', why: 'none of its pods is ready' };
  const other = ready.map((pod) => differenceIn(first.digests, pod.digests)).find((found) => found !== null);
  if (other !== undefined) {
    return { kind: 'unsettled', why: `its ready pods run several images of container ${other.container}` };
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
    const difference = differenceIn(identity.digests, pod.ready ? pod.digests : known(identity, pod));
    if (difference !== null) return { kind: 'changed', ...difference };
  }
  const fresh = hashesOf(images.pods.filter(({ ready }) => ready)).filter(
    (hash) => !identity.templateHashes.includes(hash),
  );
  if (fresh.length === 0) return { kind: 'same' };
  const templateHashes = [...identity.templateHashes, ...fresh];
  return { kind: 'restarted', identity: { ...identity, templateHashes } };
}

/** Stable's pods: all, the ready ones, and those of them that run the canary's images already. */
export type Carriers = { total: number; ready: number; carrying: number };

/** Counts how far stable has been brought to the canary's images; null when that is not known. */
export function carriersIn(images: Images, identity: Identity | null): Carriers | null {
  if (identity === null || images.kind === 'unknown') return null;
  const ready = images.pods.filter((pod) => pod.ready);
  const carrying = ready.filter((pod) => differenceIn(identity.digests, pod.digests) === null);
  return { total: images.pods.length, ready: ready.length, carrying: carrying.length };
}

/** A pod that is still starting may lack digests: what is not known of it is taken as unchanged. */
function known({ digests }: Identity, pod: PodImages): Record<string, string> {
  return { ...digests, ...pod.digests };
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
