import { type JsonObject, objectAt } from './json.ts';
import type { ObjectKey } from './resources.ts';

/** One stored change: `before` is null for a creation, `after` is null for a removal. */
export type Change = {
  version: number;
  key: ObjectKey;
  before: JsonObject | null;
  after: JsonObject | null;
};

/** The changes of the cluster in order, as far back as they are remembered. */
export type History = {
  /** The changes after this version, or null when some of them are forgotten. */
  since(version: number): readonly Change[] | null;
  /** The oldest version that a watch may start from. */
  watchableFrom(): number;
  /** Calls the listener with every change from now on, until the function given back is called. */
  follow(listener: (change: Change) => void): () => void;
  /** Forgets everything so far, as compaction and a restart do together. */
  forget(): void;
};

export type Recorder = History & { record(change: Change): void };

/** A history that starts empty at `first` and remembers the last `limit` changes. */
export function createHistory(first: number, limit = 1000): Recorder {
  const listeners = new Set<(change: Change) => void>();
  let changes: Change[] = [];
  let newest = first;
  let forgottenUpTo = 0;
  return {
    since: (version) =>
      version < forgottenUpTo ? null : changes.filter((change) => change.version > version),
    watchableFrom: () => Math.max(first, forgottenUpTo),
    follow: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    forget: () => {
      changes = [];
      forgottenUpTo = newest;
    },
    record: (change) => {
      newest = change.version;
      changes.push(change);
      if (changes.length > limit) forgottenUpTo = changes.shift()?.version ?? forgottenUpTo;
      for (const listener of [...listeners]) listener(change);
    },
  };
}

/** The object a change leaves behind for those who watch: a removed one as it last was, under the removal's version. */
export function lastSeen({ version, before, after }: Change): JsonObject {
  if (after !== null) return after;
  const object = before ?? {};
  return { ...object, metadata: { ...objectAt(object, 'metadata'), resourceVersion: String(version) } };
}
