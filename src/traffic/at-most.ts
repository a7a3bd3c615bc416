/** Does something as soon as fewer than so many others are under way; null when `signal` aborted before that. */
export type Limit = <Value>(signal: AbortSignal, task: () => Promise<Value>) => Promise<Value | null>;

/**
 * @param most how many may be under way at a time; those who come later wait in their order, and leave the queue when
 * their signal aborts. A task that has begun keeps its place until it ends: to end early is its own affair.
 */
export function atMost(most: number): Limit {
  // A set keeps the order, and whoever gives up leaves it from wherever it stands.
  const waiting = new Set<() => void>();
  let running = 0;

  /** Whether there was a place before `signal` aborted. */
  async function enter(signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return false;
    if (running >= most) return wait(signal);
    running += 1;
    return true;
  }

  function wait(signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const begin = () => {
        signal.removeEventListener('abort', giveUp);
        resolve(true);
      };
      const giveUp = () => {
        waiting.delete(begin);
        resolve(false);
      };
      waiting.add(begin);
      signal.addEventListener('abort', giveUp, { once: true });
    });
  }

  /** Who goes hands the place to who waits longest, so that nobody who comes meanwhile takes it. */
  function leave(): void {
    const [next] = waiting;
    if (next === undefined) running -= 1;
    else {
      waiting.delete(next);
      next();
    }
  }

  return async (signal, task) => {
    if (!(await enter(signal))) return null;
    try {
      return await task();
    } finally {
      leave();
    }
  };
}
