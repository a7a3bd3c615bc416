import { type LiveReads, overlapSeconds, type PlacedRow } from '../../rollout/ports/live.ts';
import type { Millis } from '../../rollout/units.ts';
import { type Timer, within } from './timer.ts';

type Listener = {
  /** Hears every audit row once, in the order in which this process found them. */
  onRow(row: PlacedRow): void;
  /** Nothing more is heard: this instance is shutting down. */
  onClose(): void;
};

/** Tells the listeners of one process what is written into the audit log, also by other processes. */
export type Feed = {
  /** Rows that were found before may be heard once more. Call the answer to hear nothing more. */
  subscribe(listener: Listener): () => void;
  /** Ends all listening, for good. */
  close(): void;
};

export type FeedDeps = {
  recent: LiveReads['recent'];
  timer: Timer;
  log?: { warn(fields: Record<string, unknown>, message: string): void };
};

const pollMs = 500;
/** A database that does not answer is asked less and less often. */
const slowestPollMs = 5000;
/** Above the deadlines of the database's own client. */
const deadlineMs = 8000;
const pageRows = 500;

/**
 * One poller for all listeners, at work only while somebody listens. It polls because NOTIFY takes a lock at commit
 * that all rollouts share. Numbers of audit rows come from a sequence, so a slow transaction adds a lower one after
 * a higher one was seen: rows of the last 30 s are looked through again, and only unknown ones are told.
 */
export function openFeed(deps: FeedDeps): Feed {
  const poller = new Poller(deps);
  return { subscribe: (listener) => poller.subscribe(listener), close: () => poller.close() };
}

class Poller {
  readonly #deps: FeedDeps;
  readonly #listeners = new Set<Listener>();
  /** Rows that were told, as far back as a late one may still come. */
  #known = new Map<number, Millis>();
  #since: Millis | null = null;
  #failures = 0;
  #isPolling = false;
  #isClosed = false;
  #cancel: () => void = () => undefined;

  constructor(deps: FeedDeps) {
    this.#deps = deps;
  }

  subscribe(listener: Listener): () => void {
    if (this.#isClosed) {
      queueMicrotask(() => listener.onClose());
      return () => undefined;
    }
    this.#listeners.add(listener);
    if (this.#listeners.size === 1 && !this.#isPolling) this.#next(pollMs);
    return () => this.#leave(listener);
  }

  close(): void {
    this.#isClosed = true;
    this.#cancel();
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    for (const listener of listeners) listener.onClose();
  }

  #leave(listener: Listener): void {
    this.#listeners.delete(listener);
    if (this.#listeners.size > 0) return;
    this.#cancel();
    this.#startOver();
  }

  /** What was written while nobody listened is nobody's news. */
  #startOver(): void {
    this.#since = null;
    this.#known = new Map();
  }

  #next(ms: number): void {
    this.#cancel();
    this.#cancel = this.#deps.timer.after(ms, () => void this.#poll());
  }

  async #poll(): Promise<void> {
    this.#isPolling = true;
    const isFull = await this.#read().catch((error: unknown) => this.#failed(error));
    this.#isPolling = false;
    if (this.#isClosed) return;
    if (this.#listeners.size === 0) return this.#startOver();
    this.#next(isFull ? 0 : Math.min(slowestPollMs, pollMs * 2 ** this.#failures));
  }

  /** True when there may be more. */
  async #read(): Promise<boolean> {
    const asked = { since: this.#since, known: [...this.#known.keys()], limit: pageRows };
    const { timer, recent } = this.#deps;
    const { rows, now } = await within(timer, deadlineMs, recent(asked));
    this.#failures = 0;
    for (const row of rows) this.#tell(row);
    const isFull = rows.length >= pageRows;
    // What was not read yet must stay within reach.
    if (!isFull) this.#forget(now - overlapSeconds * 1000);
    return isFull;
  }

  #tell(row: PlacedRow): void {
    this.#known.set(row.number, row.at);
    for (const listener of [...this.#listeners]) listener.onRow(row);
  }

  #forget(since: Millis): void {
    this.#since = since;
    for (const [number, at] of this.#known) {
      if (at < since) this.#known.delete(number);
    }
  }

  /** Listeners wait for the database; once an outage is enough to say so. */
  #failed(error: unknown): boolean {
    this.#failures += 1;
    const reason = error instanceof Error ? error.message : 'unknown';
    if (this.#failures === 1) this.#deps.log?.warn({ reason }, 'live answers wait for the database');
    return false;
  }
}
