import { z } from 'zod';

/** An object of a list that is kept up to date; `item` is null when its shape is not understood. */
type Kept<Item> = { version: string; item: Item | null };

/** The objects of one resource in one namespace, by name, as a list and the changes since then tell. */
export type WatchedObjects<Item> = {
  /** The resourceVersion up to which everything is known; null before the first list. */
  version(): string | null;
  /**
   * Takes in one page of a list.
   * @throws when an object has no name or no resourceVersion
   */
  add(objects: readonly unknown[]): void;
  /** The list is whole, as of this version. */
  settle(version: string): void;
  /** @throws when the object has no name or no resourceVersion */
  apply(event: WatchedChange): void;
  /**
   * Takes in an object that the server answered to a write: it may be ahead of what was told, and then it counts
   * until the list has caught up.
   */
  wrote(object: unknown): void;
  /** `unknown` when what was written last cannot be compared with what was told. */
  find(name: string): Kept<Item> | 'absent' | 'unknown';
  all(): Iterable<Kept<Item>>;
};

type WatchedChange = { type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK'; object: unknown };

const Identified = z.looseObject({
  metadata: z.looseObject({ name: z.string().min(1), resourceVersion: z.string().min(1) }),
});
const Bookmark = z.looseObject({ metadata: z.looseObject({ resourceVersion: z.string().min(1) }) });

/** @param read takes what is kept of an object, or null when it is not understood */
export function watchedObjects<Item>(read: (object: unknown) => Item | null): WatchedObjects<Item> {
  const objects = new Map<string, Kept<Item>>();
  let known: string | null = null;
  const written = new Map<string, Kept<Item>>();

  function keep(into: Map<string, Kept<Item>>, object: unknown): void {
    const { name, resourceVersion } = Identified.parse(object).metadata;
    into.set(name, { version: resourceVersion, item: read(object) });
  }

  /** What we wrote to this object and the list does not show yet; null when it does. */
  function ahead(name: string): Kept<Item> | 'unknown' | null {
    const ours = written.get(name);
    if (ours === undefined || known === null) return null;
    const order = compareVersions(known, ours.version);
    const isShown = order === null ? objects.get(name)?.version === ours.version : order >= 0;
    if (!isShown) return order === null ? 'unknown' : ours;
    written.delete(name);
    return null;
  }

  return {
    version: () => known,
    add: (listed) => {
      for (const object of listed) keep(objects, object);
    },
    settle: (version) => {
      known = version;
    },
    apply: ({ type, object }) => {
      if (type === 'BOOKMARK') {
        known = Bookmark.parse(object).metadata.resourceVersion;
        return;
      }
      const { name, resourceVersion } = Identified.parse(object).metadata;
      if (type === 'DELETED') objects.delete(name);
      else keep(objects, object);
      known = resourceVersion;
      ahead(name);
    },
    wrote: (object) => {
      if (Identified.safeParse(object).success) keep(written, object);
    },
    find: (name) => ahead(name) ?? objects.get(name) ?? 'absent',
    all: () => objects.values(),
  };
}

/**
 * Below 0 when the first is older, null when they cannot be compared. Since Kubernetes 1.35 resourceVersions are
 * decimal numbers of any size that grow with every change of a resource; one that is no number is opaque.
 * https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
 */
function compareVersions(one: string, other: string): number | null {
  if (one === other) return 0;
  if (!decimal.test(one) || !decimal.test(other)) return null;
  return one.length === other.length ? (one < other ? -1 : 1) : one.length - other.length;
}

const decimal = /^[1-9]\d*$/;
