import { type JsonObject, textAt } from '../../src/sandbox/json.ts';

/** What follows the headers of an answer, in pieces: it ends when the server says so, or the client goes. */
export type Feed = (sink: { send(line: string): void; end(): void }) => () => void;

export type Watches = {
  /** Tells those who watch that an object was changed; `version` is its new resourceVersion. */
  tell(plural: string, version: number, object: JsonObject): void;
  /** The answer to a watch of one resource in one namespace, as `query` asks for it. */
  open(plural: string, namespace: string, query: URLSearchParams): Feed;
};

type Told = { version: number; line: string };
type Topic = { told: Told[]; followers: Set<(line: string) => void>; forgotten: number };

const mostTold = 2000;
const bookmarkBeforeEndMs = 2000;
const defaultSeconds = 1800;

/** Watches as the API server serves them: changes since a version, a bookmark before the end, 410 for what is forgotten. */
export function cannedWatches(newest: () => number): Watches {
  const topics = new Map<string, Topic>();
  function topicOf(plural: string, namespace: string): Topic {
    const key = `${plural}/${namespace}`;
    const topic = topics.get(key) ?? { told: [], followers: new Set(), forgotten: 0 };
    topics.set(key, topic);
    return topic;
  }
  return {
    tell: (plural, version, object) => {
      const topic = topicOf(plural, textAt(object, 'metadata', 'namespace'));
      const line = lineOf('MODIFIED', object);
      topic.told.push({ version, line });
      if (topic.told.length > mostTold) topic.forgotten = topic.told.shift()?.version ?? topic.forgotten;
      for (const send of topic.followers) send(line);
    },
    open: (plural, namespace, query) => feedOf(topicOf(plural, namespace), query, newest),
  };
}

function feedOf(topic: Topic, query: URLSearchParams, newest: () => number): Feed {
  const from = Number(query.get('resourceVersion') ?? 0);
  const ms = 1000 * Number(query.get('timeoutSeconds') ?? defaultSeconds);
  return ({ send, end }) => {
    if (from < topic.forgotten) {
      send(lineOf('ERROR', { kind: 'Status', code: 410, reason: 'Expired' }));
      end();
      return () => undefined;
    }
    for (const { version, line } of topic.told) if (version > from) send(line);
    topic.followers.add(send);
    const bookmark = () => send(lineOf('BOOKMARK', { metadata: { resourceVersion: String(newest()) } }));
    const timers = [
      ...(query.get('allowWatchBookmarks') === 'true'
        ? [setTimeout(bookmark, ms - bookmarkBeforeEndMs)]
        : []),
      setTimeout(end, ms),
    ];
    return () => {
      topic.followers.delete(send);
      for (const timer of timers) clearTimeout(timer);
    };
  };
}

function lineOf(type: string, object: JsonObject): string {
  return `${JSON.stringify({ type, object })}\n`;
}
