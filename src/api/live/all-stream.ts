import type { HistoryQuery, PlacedRow } from '../../rollout/ports/live.ts';
import type { Millis } from '../../rollout/units.ts';
import { retryLine, rowFrame } from './frames.ts';
import type { LiveParts } from './rollout-stream.ts';
import type { Stream } from './stream.ts';
import { rest } from './timer.ts';

/** Which rows of all rollouts are wanted. */
export type RowFilter = Pick<HistoryQuery, 'namespace' | 'virtualService' | 'type'>;

const pageRows = 200;
const retryMs = 2000;
/** Rows that came while older ones were still being read; beyond it the reader has to come back. */
const mostWaiting = 2000;
/** Milliseconds for which a row is remembered as sent; longer than a late one may take. */
const memoryMs = 120_000;

/**
 * Sends audit rows of all rollouts to a stream: those after `afterNumber` first, then what comes. A late transaction
 * may add a lower number after a higher one: it is sent when it appears, and nothing is sent twice on one stream.
 */
export function followAll(
  parts: LiveParts,
  open: (onClose: () => void) => Stream,
  filter: RowFilter,
  afterNumber: number | null,
): void {
  const follower = new AllFollower(parts, filter);
  const unsubscribe = parts.feed.subscribe(follower);
  void follower.begin(open(unsubscribe), afterNumber);
}

class AllFollower {
  readonly #parts: LiveParts;
  readonly #filter: RowFilter;
  readonly #sent = new Map<number, Millis>();
  #newest: Millis = 0;
  #waiting: PlacedRow[] | null = [];
  #stream: Stream | null = null;

  constructor(parts: LiveParts, filter: RowFilter) {
    this.#parts = parts;
    this.#filter = filter;
  }

  async begin(stream: Stream, afterNumber: number | null): Promise<void> {
    this.#stream = stream;
    const point = await this.#insist(stream, () => this.#parts.service.live.resumePoint(afterNumber));
    await this.#replay(stream, point ?? 0);
    const waiting = this.#waiting ?? [];
    this.#waiting = null;
    for (const row of waiting) this.#send(stream, row);
  }

  onRow(row: PlacedRow): void {
    if (!isWanted(row, this.#filter)) return;
    if (this.#waiting === null) {
      if (this.#stream !== null) this.#send(this.#stream, row);
      return;
    }
    this.#waiting.push(row);
    if (this.#waiting.length > mostWaiting) this.#stream?.end();
  }

  onClose(): void {
    this.#stream?.send(retryLine);
    this.#stream?.end();
  }

  async #replay(stream: Stream, from: number): Promise<void> {
    let afterNumber = from;
    while (stream.isOpen) {
      const query = { ...this.#filter, afterNumber, limit: pageRows };
      const page = await this.#insist(stream, () => this.#parts.service.live.history(query));
      for (const row of page ?? []) {
        await stream.ready();
        this.#send(stream, row);
        afterNumber = row.number;
      }
      if (page === null || page.length < pageRows) return;
    }
  }

  /** A database that fails makes the reader wait; null once the stream is closed. */
  async #insist<T>(stream: Stream, read: () => Promise<T>): Promise<T | null> {
    while (stream.isOpen) {
      const answer = await read().then(
        (value) => ({ value }),
        () => null,
      );
      if (answer !== null) return answer.value;
      await rest(this.#parts.timer, retryMs);
    }
    return null;
  }

  #send(stream: Stream, row: PlacedRow): void {
    if (this.#sent.has(row.number)) return;
    this.#sent.set(row.number, row.at);
    this.#newest = Math.max(this.#newest, row.at);
    stream.send(rowFrame(row, row.number));
    this.#forget();
  }

  /** Insertion order is nearly the order of time, so the oldest stand in front. */
  #forget(): void {
    for (const [number, at] of this.#sent) {
      if (at > this.#newest - memoryMs) return;
      this.#sent.delete(number);
    }
  }
}

/** True for a row that the filter lets through. */
function isWanted(row: PlacedRow, { namespace, virtualService, type }: RowFilter): boolean {
  return (
    (namespace === undefined || row.namespace === namespace) &&
    (virtualService === undefined || row.virtualService === virtualService) &&
    (type === undefined || row.type === type)
  );
}
