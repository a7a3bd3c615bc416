import { failureFields, type Log } from '../log.ts';

/** `drainMs`: for so long a balancer may still send requests here, because it has not yet heard that it should not. */
type How = { drainMs: number };

export type Closing = (how: How) => Promise<void>;

export type Shutdown = {
  /** Aborts with the first signal. */
  ending: AbortSignal;
  /** Closes this with the first signal, side by side with the others. */
  closeFirst(part: Promise<Closing>): void;
  /** Closes this when nobody uses it any more. */
  closeLast(closing: Closing): void;
};

/** Longer than the endpoints of a service take to reach every balancer. */
const drainMs = 3000;
/** Above all that closings may take together; Kubernetes kills after 30 s. */
const longestMs = 22_000;

/**
 * Ends this process on the first SIGTERM or SIGINT, with exit code 0; further signals change nothing. SIGINT comes from
 * a person at the keyboard, with no balancer in between: nothing is drained.
 */
export function shutdownOnSignal(log: Log): Shutdown {
  const controller = new AbortController();
  const first: Closing[] = [];
  const last: Closing[] = [];
  const close = async (closings: readonly Closing[], how: How) => {
    const ends = await Promise.allSettled(closings.map((one) => one(how)));
    for (const end of ends) {
      if (end.status === 'rejected') log.warn(failureFields(end.reason), 'a part did not close');
    }
  };
  const end = async (signal: 'SIGTERM' | 'SIGINT') => {
    if (controller.signal.aborted) return;
    log.info({ signal }, 'ending');
    setTimeout(() => process.exit(1), longestMs).unref();
    controller.abort();
    const how = { drainMs: signal === 'SIGTERM' ? drainMs : 0 };
    await close(first, how);
    await close(last, how);
    process.exit(0);
  };
  process.on('SIGTERM', () => void end('SIGTERM'));
  process.on('SIGINT', () => void end('SIGINT'));
  return {
    ending: controller.signal,
    closeFirst: (part) => void first.push(async (how) => (await part)(how)),
    closeLast: (closing) => void last.push(closing),
  };
}
