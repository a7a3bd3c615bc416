import { AuditType } from '../../rollout/audit.ts';
import type { PlacedRow } from '../../rollout/ports/live.ts';
import { hasEnded } from '../../rollout/rollout.ts';
import type { RolloutService } from '../../rollout/service.ts';
import type { Feed } from './feed.ts';
import { endFrame, retryLine, rowFrame, snapshotFrame } from './frames.ts';
import type { Stream } from './stream.ts';
import { rest, type Timer } from './timer.ts';

/** What live answers work with. */
export type LiveParts = { service: RolloutService; feed: Feed; timer: Timer };

type Seen = NonNullable<Awaited<ReturnType<RolloutService['find']>>>;

const pageRows = 200;
/** How long a stream waits before it asks a database again that did not answer. */
const retryMs = 2000;

/**
 * Sends one rollout's audit rows to a stream: the snapshot first, then every row after `afterSeq`, then what comes,
 * until the rollout has ended. `seq` has no gaps, so a row that was missed is seen and read from the log.
 */
export function followRollout(
  parts: LiveParts,
  open: (onClose: () => void) => Stream,
  seen: Seen,
  afterSeq: number,
): void {
  const follower = new Follower(parts, seen, afterSeq);
  const unsubscribe = parts.feed.subscribe(follower);
  follower.begin(open(unsubscribe));
}

class Follower {
  readonly #parts: LiveParts;
  readonly #seen: Seen;
  #stream: Stream | null = null;
  #sent: number;
  #mayHaveEnded = true;
  #isReading = false;
  #isBehind = false;

  constructor(parts: LiveParts, seen: Seen, afterSeq: number) {
    this.#parts = parts;
    this.#seen = seen;
    this.#sent = afterSeq;
  }

  begin(stream: Stream): void {
    this.#stream = stream;
    stream.send(snapshotFrame(this.#seen));
    void this.#catchUp(stream);
  }

  onRow(row: PlacedRow): void {
    if (row.rolloutId !== this.#seen.rollout.id || row.seq <= this.#sent) return;
    const stream = this.#stream;
    const isNext = row.seq === this.#sent + 1 && !this.#isReading && !mayEnd(row);
    if (isNext && stream !== null) this.#send(stream, row);
    else this.#fallBehind();
  }

  onClose(): void {
    this.#stream?.send(retryLine);
    this.#stream?.end();
  }

  #send(stream: Stream, row: Parameters<typeof rowFrame>[0]): void {
    stream.send(rowFrame(row, row.seq));
    this.#sent = row.seq;
    if (mayEnd(row)) this.#mayHaveEnded = true;
  }

  #fallBehind(): void {
    this.#isBehind = true;
    if (this.#stream !== null && !this.#isReading) void this.#catchUp(this.#stream);
  }

  async #catchUp(stream: Stream): Promise<void> {
    this.#isReading = true;
    while (stream.isOpen) {
      this.#isBehind = false;
      const hasMore = await this.#readPage(stream).catch(() => this.#afterFault());
      if (!hasMore && !this.#isBehind) break;
    }
    this.#isReading = false;
  }

  /** True when there may be more. */
  async #readPage(stream: Stream): Promise<boolean> {
    // Asked before the rows are read: what an end writes is then among them.
    const hasEnded = this.#mayHaveEnded && (await this.#hasEnded());
    const rows = await this.#parts.service.events(this.#seen.rollout.id, this.#sent, pageRows);
    for (const row of rows) {
      await stream.ready();
      this.#send(stream, row);
    }
    if (rows.length >= pageRows) return true;
    if (hasEnded) {
      stream.send(endFrame);
      stream.end();
      return false;
    }
    // A row of this page may have been the last: look once more.
    const mayHaveEnded = rows.some(mayEnd);
    this.#mayHaveEnded = mayHaveEnded;
    return mayHaveEnded;
  }

  async #hasEnded(): Promise<boolean> {
    const seen = await this.#parts.service.find(this.#seen.rollout.id);
    return seen !== null && hasEnded(seen.rollout);
  }

  async #afterFault(): Promise<boolean> {
    this.#mayHaveEnded = true;
    await rest(this.#parts.timer, retryMs);
    return true;
  }
}

/** Every change of state writes such a row, or one of a newer version; which of them are ends is the core's to say. */
function mayEnd(row: { type: string }): boolean {
  return row.type.startsWith('rollout.') || !AuditType.safeParse(row.type).success;
}
