import type { After } from './clock.ts';
import { type Change, lastSeen } from './history.ts';
import type { JsonObject } from './json.ts';
import { forbiddenListOption, readSelection, type Selection, versionMistake } from './list-options.ts';
import type { Place } from './read.ts';
import { present } from './replies.ts';
import type { ApiRequest } from './request.ts';
import { apiVersionOf } from './resources.ts';
import { answer, type Feed, failure, type Reply, type Sink } from './status.ts';
import type { ObjectStore } from './store.ts';

type Watch = {
  store: ObjectStore;
  after: After;
  place: Place;
  /** The served version that the client asked in. */
  version: string;
  selection: Selection;
};
type Start = { from: number; initial: boolean; isMarked: boolean; bookmarks: boolean; timeoutMs: number };

const defaultTimeoutSeconds = 1800;
const bookmarkEveryMs = 60_000;
/** The last bookmark comes this long before the end of the watch. */
const bookmarkBeforeEndMs = 2000;

/** WATCH: the reply carries a feed of events; refusals are ordinary replies. An old version is an event, not a refusal. */
export function watchObjects(
  cluster: { store: ObjectStore; after: After },
  place: Place,
  version: string,
  request: ApiRequest,
): Reply {
  const refusal = refusalOf(request);
  if (refusal !== null) return refusal;
  const selection = readSelection(request);
  if (!selection.ok) return selection.reply;
  const { store, after } = cluster;
  const watch = { store, after, place, version, selection: selection.value };
  return { ...answer(200, ''), feed: feedOf(watch, readStart(request)) };
}

function refusalOf({ query }: ApiRequest): Reply | null {
  const match = query.get('resourceVersionMatch') ?? '';
  const forbid = (why: string) => forbiddenListOption('resourceVersionMatch', why);
  if (query.has('sendInitialEvents') && match !== 'NotOlderThan') {
    return forbid('sendInitialEvents requires setting resourceVersionMatch to NotOlderThan');
  }
  if (match !== '' && !query.has('sendInitialEvents')) {
    return forbid('resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided');
  }
  const mistake = versionMistake(query.get('resourceVersion') ?? '');
  return mistake === null ? null : failure({ code: 500, message: mistake });
}

function readStart({ query }: ApiRequest): Start {
  const from = Number(query.get('resourceVersion') ?? 0);
  const seconds = Number(query.get('timeoutSeconds') ?? 0);
  const asked = query.get('sendInitialEvents');
  return {
    from,
    // Without a version to start from, a watch begins with all there is.
    initial: asked === null ? from === 0 : asked === 'true',
    isMarked: asked === 'true',
    bookmarks: query.get('allowWatchBookmarks') === 'true',
    timeoutMs: 1000 * (seconds > 0 ? seconds : defaultTimeoutSeconds),
  };
}

function feedOf(watch: Watch, start: Start): Feed {
  return (sink) => {
    const { history } = watch.store;
    const isOld = start.from > 0 && start.from < history.watchableFrom();
    if (isOld && !start.initial) return endWithExpiry(sink, start.from, history.watchableFrom());
    sendPast(watch, start, sink);
    const send = (change: Change) => {
      if (change.version > start.from) sendChange(watch, change, sink);
    };
    const stops = [history.follow(send), ...(start.bookmarks ? [sendBookmarks(watch, start, sink)] : [])];
    const stop = () => {
      for (const end of stops) end();
    };
    stops.push(
      watch.after(start.timeoutMs, () => {
        stop();
        sink.end();
      }),
    );
    return stop;
  };
}

function endWithExpiry(sink: Sink, from: number, oldest: number): () => void {
  const message = `too old resource version: ${from} (${oldest})`;
  sink.send({ type: 'ERROR', object: Object(failure({ code: 410, reason: 'Expired', message }).body) });
  sink.end();
  return () => undefined;
}

function sendPast(watch: Watch, start: Start, sink: Sink): void {
  const { store, place, selection } = watch;
  if (!start.initial) {
    for (const change of store.history.since(start.from) ?? []) sendChange(watch, change, sink);
    return;
  }
  const objects = store.list(place.type, place.namespace === '' ? undefined : place.namespace);
  for (const object of objects.filter(selection.selects)) sink.send(eventOf(watch, 'ADDED', object));
  if (start.isMarked && start.bookmarks) {
    sink.send(bookmark(watch, { annotations: { 'k8s.io/initial-events-end': 'true' } }));
  }
}

/** An object that begins to fit the selectors is ADDED, one that no longer does is DELETED, whatever happened to it. */
function sendChange(watch: Watch, change: Change, sink: Sink): void {
  const { place, selection } = watch;
  const { type, namespace } = change.key;
  if (type !== place.type || (place.namespace !== '' && namespace !== place.namespace)) return;
  const fits = (object: JsonObject | null) => object !== null && selection.selects(object);
  const [before, after] = [fits(change.before), fits(change.after)];
  if (after) sink.send(eventOf(watch, before ? 'MODIFIED' : 'ADDED', lastSeen(change)));
  else if (before) sink.send(eventOf(watch, 'DELETED', lastSeen({ ...change, after: null })));
}

/** About once a minute, and shortly before the end. */
function sendBookmarks(watch: Watch, { timeoutMs }: Start, sink: Sink): () => void {
  let cancel = () => {};
  const plan = (leftMs: number) => {
    const waitMs = Math.min(bookmarkEveryMs, leftMs - bookmarkBeforeEndMs);
    if (waitMs <= 0) return;
    cancel = watch.after(waitMs, () => {
      sink.send(bookmark(watch, {}));
      plan(leftMs - waitMs);
    });
  };
  plan(timeoutMs);
  return () => cancel();
}

function bookmark({ store, place, version }: Watch, metadata: JsonObject): JsonObject {
  const { type } = place;
  const resourceVersion = String(store.version());
  const object = {
    kind: type.kind,
    apiVersion: apiVersionOf(type, version),
    metadata: { ...metadata, resourceVersion },
  };
  return { type: 'BOOKMARK', object };
}

function eventOf({ place, version }: Watch, type: string, object: JsonObject): JsonObject {
  return { type, object: present(object, place.type, version) };
}
