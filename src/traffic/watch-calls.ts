import { z } from 'zod';
import { recentSeconds } from '../rollout/ports/mesh.ts';
import type { Refusal } from './api-answer.ts';
import { bodyText, eventLines } from './event-lines.ts';
import type { Opened } from './open-path.ts';
import type { WatchedObjects } from './watched-objects.ts';

/** What a list or a watch is asked with. */
export type WatchCalls = {
  /** Asks for the list with this query. */
  open(query: URLSearchParams, signal: AbortSignal): Promise<Opened>;
  /** Acts once after so many milliseconds; call the answer to not act any more. */
  after(ms: number, act: () => void): () => void;
  /** Ends every call. */
  stopped: AbortSignal;
  /** Called whenever the right to list or to watch is missing. */
  denied(why: string): void;
};

/** How it ended: `expired` when the version to go on from is forgotten, so that a new list is due. */
export type WatchEnd = 'ended' | 'expired' | 'broken' | 'denied';

type Objects = Omit<WatchedObjects<unknown>, 'find' | 'all' | 'wrote'>;

/** `seconds`: when the server is asked to end it; `opened` is called when the server has taken the watch. */
type Stream = { seconds: number; opened(): void };

/** How old what a stream has told may be while the stream hangs half open, in milliseconds. */
export const cutMs = 1000 * recentSeconds;
/** A stream that lives so much longer than the server was told to let it, in seconds, is cut. */
const graceSeconds = 3;
const listMs = 10_000;
const pageSize = 500;
const pageBytes = 64_000_000;
const forbidden = 403;
const gone = 410;

const ListPage = z.looseObject({
  metadata: z.looseObject({ resourceVersion: z.string().min(1), continue: z.string().optional() }),
  items: z.array(z.unknown()),
});
type ListPage = z.infer<typeof ListPage>;

const Change = z.looseObject({
  type: z.enum(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK']),
  object: z.unknown(),
});
const Fault = z.looseObject({ type: z.literal('ERROR') });
const Event = z.discriminatedUnion('type', [Change, Fault]);

/**
 * Reads all pages of a list into `objects`, which are empty; null when that was done. Without a resourceVersion the
 * server answers what etcd has, whatever its own cache knows.
 * https://kubernetes.io/docs/reference/using-api/api-concepts/#semantics-for-get-and-list
 */
export async function listAll(objects: Objects, calls: WatchCalls): Promise<WatchEnd | null> {
  let next = '';
  do {
    const query = new URLSearchParams({
      limit: String(pageSize),
      ...(next === '' ? {} : { continue: next }),
    });
    const end = await within(calls, listMs, async (signal) => {
      const opened = await calls.open(query, signal);
      if (opened.kind !== 'open') return endOf(opened, calls);
      const page = ListPage.parse(JSON.parse(await bodyText(opened.chunks, pageBytes)));
      next = takePage(page, objects);
      return null;
    });
    if (end !== null) return end;
  } while (next !== '');
  return null;
}

/** Answers where the next page begins, empty after the last. */
function takePage({ metadata, items }: ListPage, objects: Objects): string {
  objects.add(items);
  const { continue: next = '', resourceVersion } = metadata;
  if (next === '') objects.settle(resourceVersion);
  return next;
}

/**
 * Follows the changes after what `objects` know until the server ends the stream. `expired` also when the server tells
 * of a fault or what cannot be read: nobody knows then what was missed.
 */
export async function follow(
  objects: Objects,
  calls: WatchCalls,
  { seconds, opened }: Stream,
): Promise<WatchEnd> {
  const query = new URLSearchParams({
    watch: 'true',
    allowWatchBookmarks: 'true',
    timeoutSeconds: String(seconds),
    resourceVersion: objects.version() ?? '',
  });
  return within(calls, 1000 * (seconds + graceSeconds), async (signal) => {
    const answer = await calls.open(query, signal);
    if (answer.kind !== 'open') return endOf(answer, calls);
    opened();
    return applyAll(answer.chunks, objects);
  });
}

async function applyAll(chunks: AsyncIterable<Uint8Array>, objects: Objects): Promise<WatchEnd> {
  for await (const line of eventLines(chunks)) {
    if (!isApplied(line, objects)) return 'expired';
  }
  return 'ended';
}

function isApplied(line: string, objects: Objects): boolean {
  try {
    const event = Event.parse(JSON.parse(line));
    if (event.type !== 'ERROR') objects.apply(event);
    return event.type !== 'ERROR';
  } catch {
    // No JSON, no event, or no object that has a name.
    return false;
  }
}

function endOf(answer: Exclude<Opened, { kind: 'open' }>, { denied }: WatchCalls): WatchEnd {
  if (answer.kind === 'broken') return 'broken';
  const { refusal } = answer;
  if (refusal.code === gone) return 'expired';
  if (refusal.code !== forbidden) return 'broken';
  denied(messageOf(refusal));
  return 'denied';
}

function messageOf({ code, status }: Refusal): string {
  return status?.message?.replaceAll(/\p{Cc}+/gu, ' ').slice(0, 500) ?? `the API server answered ${code}`;
}

/** Whatever goes wrong on the wire, or cannot be read, is one thing: broken. */
async function within<Answer>(
  { after, stopped }: WatchCalls,
  ms: number,
  work: (signal: AbortSignal) => Promise<Answer>,
): Promise<Answer | 'broken'> {
  const cut = new AbortController();
  const abort = () => cut.abort();
  const cancel = after(ms, abort);
  if (stopped.aborted) abort();
  stopped.addEventListener('abort', abort, { once: true });
  try {
    return await work(cut.signal);
  } catch {
    return 'broken';
  } finally {
    cancel();
    stopped.removeEventListener('abort', abort);
    abort();
  }
}
