import { orphanPage } from './orphan-words.ts';
import { judgeMark, type Orphan, orphanKey } from './orphans.ts';
import type { MeshFailure } from './ports/mesh.ts';
import type { MarkedSplit, Marks, OrphanBook, SplitPlace } from './ports/orphans.ts';

export type OrphanDeps = {
  marks: Marks;
  book: OrphanBook;
  /** The names of the clusters in the configuration. */
  clusters: readonly string[];
  deadline: (ms: number) => AbortSignal;
};

/** What earlier looks found, by `orphanKey`, and in how many looks in a row. */
export type OrphansSeen = ReadonlyMap<string, { orphan: Orphan; looks: number }>;

export type OrphanLook = {
  seen: OrphansSeen;
  /** Found at least twice in a row. */
  standing: Orphan[];
  /** Those of them that were written down by this look. */
  told: Orphan[];
  /** Those that stood before this look and do so no more. */
  gone: Orphan[];
  /** What could not be read, by cluster or `cluster/namespace`. */
  unread: Record<string, MeshFailure>;
  /** Clusters of which only namespaces with rollouts are read, with the reason. */
  narrowed: Record<string, MeshFailure>;
};

/** Milliseconds for one cluster, however many pages its list has. */
const clusterMs = 20_000;
/** One that has just been created, or is just ending, is no orphan: it is gone by the next look. */
const looksToTell = 2;

/**
 * Looks once at every cluster for splits that no rollout watches, and writes down those that were there the last time
 * too, each at most once an hour. Where a cluster cannot be read, what was found there stays as it was. Throws when
 * the database fails.
 */
export async function lookForOrphans(deps: OrphanDeps, before: OrphansSeen): Promise<OrphanLook> {
  const found = await Promise.all(deps.clusters.map((cluster) => findIn(deps, cluster)));
  const unread = Object.assign({}, ...found.map((one) => one.unread));
  const orphans = found.flatMap((one) => one.orphans);
  const seen = new Map(orphans.map((orphan) => [orphanKey(orphan), counted(orphan, before)]));
  for (const [key, entry] of before) if (isUnread(entry.orphan.split, unread)) seen.set(key, entry);
  const standing = standingIn(seen);
  return {
    seen,
    standing,
    told: await tell(deps.book, standing),
    gone: standingIn(before).filter((orphan) => !seen.has(orphanKey(orphan))),
    unread,
    narrowed: Object.assign({}, ...found.map((one) => one.narrowed)),
  };
}

type Found = Pick<OrphanLook, 'unread' | 'narrowed'> & { orphans: Orphan[] };

async function findIn({ marks, book, deadline }: OrphanDeps, cluster: string): Promise<Found> {
  const marked = await marks.marked(cluster, () => book.namespaces(cluster), deadline(clusterMs));
  if (marked.kind === 'unavailable') return { orphans: [], unread: { [cluster]: marked }, narrowed: {} };
  // The list comes before the rows: a rollout that has written to an object is known by then.
  const ids = marked.splits.flatMap(({ owner }) => (owner === null ? [] : [owner.rolloutId]));
  const rows = await book.known([...new Set(ids)]);
  const known = new Map(rows.map((row) => [row.id, row]));
  const held = await heldIn(book, marked.splits);
  const judged = marked.splits.map((split) =>
    judgeMark(split, known.get(split.owner?.rolloutId ?? '') ?? null, held.has(placeKey(split))),
  );
  const unread = Object.entries(marked.unread).map(([name, why]) => [`${cluster}/${name}`, why]);
  return {
    orphans: judged.filter((orphan) => orphan !== null),
    unread: Object.fromEntries(unread),
    narrowed: marked.narrowed === null ? {} : { [cluster]: marked.narrowed },
  };
}

/** Somebody may have taken the annotations off an object that a live rollout moves: its next write brings them back. */
async function heldIn(book: OrphanBook, splits: MarkedSplit[]): Promise<Set<string>> {
  const unmarked = splits.filter(({ owner }) => owner === null);
  const held = unmarked.length === 0 ? [] : await book.held(unmarked);
  return new Set(held.map(placeKey));
}

function placeKey({ cluster, namespace, virtualService }: SplitPlace): string {
  return JSON.stringify([cluster, namespace, virtualService]);
}

function counted(orphan: Orphan, before: OrphansSeen): { orphan: Orphan; looks: number } {
  return { orphan, looks: (before.get(orphanKey(orphan))?.looks ?? 0) + 1 };
}

function isUnread({ cluster, namespace }: MarkedSplit, unread: OrphanLook['unread']): boolean {
  return cluster in unread || `${cluster}/${namespace}` in unread;
}

function standingIn(seen: OrphansSeen): Orphan[] {
  return [...seen.values()].filter(({ looks }) => looks >= looksToTell).map(({ orphan }) => orphan);
}

async function tell(book: OrphanBook, standing: Orphan[]): Promise<Orphan[]> {
  const told: Orphan[] = [];
  for (const orphan of standing) if (await book.tell(orphan.split, orphanPage(orphan))) told.push(orphan);
  return told;
}
