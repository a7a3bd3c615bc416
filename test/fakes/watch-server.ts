import { PassThrough } from 'node:stream';
import type { Opened } from '../../src/traffic/open-path.ts';
import type { WatchClock } from '../../src/traffic/watched-view.ts';

/** An object of the fake server: the `uid` tells one from another of the same name. */
export type Stored = { metadata: { name: string; uid: string; resourceVersion: string }; text: string };

type Snapshot = ReadonlyMap<string, Stored>;
type Change = { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: Stored };
type Stream = { give(text: string): void; letOut(): void; end(): void; cut(): void };

/** The list of one resource as an API server serves it, with all that can happen to a watch. */
export type WatchServer = {
  open(query: URLSearchParams, signal: AbortSignal): Promise<Opened>;
  /** Every query so far, in order: `list` or `watch`, and the version that a watch starts from. */
  asked: string[];
  /** Creates or changes an object and tells those who watch; the answer is what a write is answered with. */
  put(name: string, text: string): Stored;
  /** Removes an object; the next `put` of the name makes one with another uid. */
  remove(name: string): void;
  /** All objects as of this version. */
  at(version: number): Snapshot;
  version(): number;
  /** What was said so far is not told to anybody any more, and versions up to now are forgotten. */
  forget(): void;
  /** The server is set back to this version, as etcd by a restore: what came after it never was. */
  rewind(version: number): void;
  /** Streams get nothing, as over a connection that is half open; false lets out what was held. */
  hold(held: boolean): void;
  /** Ends every stream as the server does when its time is up. */
  endStreams(): void;
  /** The connection of every stream breaks. */
  cutStreams(): void;
  /** Every stream gets this text as it is. */
  say(text: string): void;
  /** Every stream gets a bookmark of the newest version. */
  bookmark(): void;
  /** Answers with this status code instead; null is as usual. `only` limits it to lists or watches. */
  refuse(code: number | null, only?: 'list' | 'watch'): void;
  streams(): number;
};

/** How many objects a page of a list has, whatever is asked for. */
const pageSize = 2;
/** A stream that was asked for with less ends by itself; the others end when a test says so. */
const longSeconds = 30;

/** @param after lets a short stream end when its time is up */
export function fakeWatchServer(after: WatchClock['after']): WatchServer {
  const snapshots = new Map<number, Snapshot>([[1, new Map()]]);
  const changes = new Map<number, Change>();
  const streams = new Set<Stream>();
  const asked: string[] = [];
  let version = 1;
  let forgotten = 0;
  let born = 0;
  let isHeld = false;
  let refused: { code: number; only: 'list' | 'watch' | null } | null = null;

  const now = () => snapshots.get(version) ?? new Map<string, Stored>();
  const give = (text: string) => {
    for (const stream of streams) stream.give(text);
  };

  function change(type: Change['type'], object: Stored): void {
    const next = new Map(snapshots.get(version - 1));
    if (type === 'DELETED') next.delete(object.metadata.name);
    else next.set(object.metadata.name, object);
    snapshots.set(version, next);
    changes.set(version, { type, object });
    give(lineOf({ type, object }));
  }

  function list(query: URLSearchParams): Opened {
    const [at = String(version), from = '0'] = (query.get('continue') ?? '').split('/').filter(Boolean);
    const all = [...(snapshots.get(Number(at)) ?? now()).values()];
    const items = all.slice(Number(from), Number(from) + pageSize);
    const next = Number(from) + pageSize < all.length ? `${at}/${Number(from) + pageSize}` : '';
    return {
      kind: 'open',
      chunks: bytesOf(JSON.stringify({ metadata: { resourceVersion: at, continue: next }, items })),
    };
  }

  function watch(query: URLSearchParams, signal: AbortSignal): Opened {
    const from = Number(query.get('resourceVersion'));
    const seconds = Number(query.get('timeoutSeconds'));
    let cancel = () => {};
    const { stream, chunks } = openStream(signal, {
      isHeld: () => isHeld,
      over: (ended) => {
        cancel();
        streams.delete(ended);
      },
    });
    if (seconds < longSeconds) cancel = after(1000 * seconds, stream.end);
    streams.add(stream);
    if (from < forgotten) {
      stream.give(lineOf({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } }));
      stream.letOut();
      stream.end();
      return { kind: 'open', chunks };
    }
    for (let at = from + 1; at <= version; at += 1) {
      const past = changes.get(at);
      if (past !== undefined) stream.give(lineOf(past));
    }
    return { kind: 'open', chunks };
  }

  return {
    asked,
    open: async (query, signal) => {
      const what = query.get('watch') === 'true' ? 'watch' : 'list';
      asked.push(what === 'list' ? 'list' : `watch ${query.get('resourceVersion')}`);
      if (refused !== null && (refused.only ?? what) === what) {
        return { kind: 'refused', refusal: { code: refused.code, status: null, retryAfter: null } };
      }
      return what === 'list' ? list(query) : watch(query, signal);
    },
    put: (name, text) => {
      const before = now().get(name);
      version += 1;
      if (before === undefined) born += 1;
      const uid = before?.metadata.uid ?? `uid-${born}`;
      const object = { metadata: { name, uid, resourceVersion: String(version) }, text };
      change(before === undefined ? 'ADDED' : 'MODIFIED', object);
      return object;
    },
    remove: (name) => {
      const before = now().get(name);
      if (before === undefined) return;
      version += 1;
      change('DELETED', { ...before, metadata: { ...before.metadata, resourceVersion: String(version) } });
    },
    at: (asOf) => snapshots.get(asOf) ?? new Map(),
    version: () => version,
    forget: () => {
      forgotten = version + 1;
      version += 1;
      snapshots.set(version, snapshots.get(version - 1) ?? new Map());
      for (const stream of [...streams]) stream.end();
    },
    rewind: (to) => {
      version = to;
      for (const later of [...changes.keys()].filter((at) => at > to)) {
        changes.delete(later);
        snapshots.delete(later);
      }
    },
    hold: (held) => {
      isHeld = held;
      if (!held) for (const stream of streams) stream.letOut();
    },
    endStreams: () => {
      for (const stream of [...streams]) stream.end();
    },
    cutStreams: () => {
      for (const stream of [...streams]) stream.cut();
    },
    say: give,
    bookmark: () =>
      give(lineOf({ type: 'BOOKMARK', object: { metadata: { resourceVersion: String(version) } } })),
    refuse: (code, only) => {
      refused = code === null ? null : { code, only: only ?? null };
    },
    streams: () => streams.size,
  };
}

/** A stream of bytes that ends when the client goes; each text comes in two pieces, cut anywhere. */
function openStream(
  signal: AbortSignal,
  { isHeld, over }: { isHeld: () => boolean; over: (stream: Stream) => void },
): { stream: Stream; chunks: AsyncIterable<Uint8Array> } {
  const body = new PassThrough();
  const held: string[] = [];
  const give = (text: string) => {
    const bytes = Buffer.from(text);
    const middle = Math.floor(bytes.length / 2);
    body.write(bytes.subarray(0, middle));
    body.write(bytes.subarray(middle));
  };
  const stream: Stream = {
    give: (text) => {
      if (isHeld()) held.push(text);
      else give(text);
    },
    letOut: () => {
      for (const text of held.splice(0)) give(text);
    },
    end: () => {
      over(stream);
      body.end();
    },
    cut: () => {
      over(stream);
      body.destroy(new Error('the connection broke'));
    },
  };
  signal.addEventListener('abort', () => stream.cut(), { once: true });
  body.on('error', () => undefined);
  return { stream, chunks: body };
}

function lineOf(event: unknown): string {
  return `${JSON.stringify(event)}\n`;
}

async function* bytesOf(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}
