import type { FastifyReply } from 'fastify';
import { hasEnded } from '../../rollout/rollout.ts';
import type { RolloutService } from '../../rollout/service.ts';
import { keepOpen } from './keep-open.ts';
import type { LiveParts } from './rollout-stream.ts';
import { rest } from './timer.ts';
import { type Condition, satisfiedBy, type Wait } from './wait-for.ts';

type Seen = NonNullable<Awaited<ReturnType<RolloutService['find']>>>;
type Waited = { seen: Seen; wait: Wait };

/** Above the longest wait and the reads around it. */
export const waitHandlerTimeoutMs = 65_000;

const retryMs = 1000;

/**
 * Reads a rollout when one of the conditions holds, it has ended, the time is up, the client is gone or this
 * instance shuts down, whichever is first. Null when there is no such rollout.
 */
export async function waitForRollout(
  parts: LiveParts,
  reply: FastifyReply,
  asked: { id: string; conditions: readonly Condition[]; timeoutMs: number },
): Promise<Waited | null> {
  const bell = new Bell(asked.id);
  const closings = [parts.feed.subscribe(bell), parts.timer.after(asked.timeoutMs, () => bell.stop())];
  const gone = () => bell.onClose();
  reply.raw.on('close', gone);
  keepOpen(reply);
  try {
    return await watch(parts, bell, asked);
  } finally {
    reply.raw.off('close', gone);
    for (const close of closings) close();
  }
}

async function watch(
  { service, timer }: LiveParts,
  bell: Bell,
  { id, conditions }: { id: string; conditions: readonly Condition[] },
): Promise<Waited | null> {
  let waited = await look(service, id, conditions);
  while (waited !== null && !waited.wait.satisfied && !hasEnded(waited.seen.rollout)) {
    const before = waited;
    const isOver = !(await bell.rings());
    if (bell.isAbandoned) return before;
    // The last look must answer; one in between may fail.
    if (isOver) return look(service, id, conditions);
    waited = await look(service, id, conditions).catch(async () => {
      await Promise.race([rest(timer, retryMs), bell.stopped]);
      bell.ring();
      return before;
    });
  }
  return waited;
}

async function look(
  service: RolloutService,
  id: string,
  conditions: readonly Condition[],
): Promise<Waited | null> {
  const seen = await service.find(id);
  if (seen === null) return null;
  const by = satisfiedBy(seen.rollout, conditions);
  return { seen, wait: { satisfied: by !== null, by } };
}

/** Rings for each audit row of one rollout, until it is stopped. */
class Bell {
  readonly stopped: Promise<void>;
  /** Nobody is there to hear more: the client is gone, or this instance shuts down. */
  isAbandoned = false;
  readonly #id: string;
  #isStopped = false;
  #hasRung = false;
  #wake: () => void = () => undefined;
  #stop: () => void = () => undefined;

  constructor(id: string) {
    this.#id = id;
    this.stopped = new Promise((resolve) => {
      this.#stop = resolve;
    });
  }

  onRow(row: { rolloutId: string | null }): void {
    if (row.rolloutId === this.#id) this.ring();
  }

  onClose(): void {
    this.isAbandoned = true;
    this.stop();
  }

  ring(): void {
    this.#hasRung = true;
    this.#wake();
  }

  stop(): void {
    this.#isStopped = true;
    this.#stop();
    this.#wake();
  }

  /** True when there is something new, false when the waiting is over. */
  async rings(): Promise<boolean> {
    if (!this.#hasRung && !this.#isStopped) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#hasRung = false;
    return !this.#isStopped;
  }
}
