import { failureFields, type Log } from '../log.ts';

export type Closing = () => Promise<void>;

const shutdownMs = 20_000;

/** Ends in order on the first signal: stop answering and taking turns, then close what they used. */
export function endOnSignal(closings: Closing[], log: Log): void {
  let isEnding = false;
  const end = async (signal: string) => {
    if (isEnding) return;
    isEnding = true;
    log.info({ signal }, 'ending');
    setTimeout(() => process.exit(1), shutdownMs).unref();
    for (const close of closings) {
      await close().catch((error: unknown) => log.warn(failureFields(error), 'a part did not close'));
    }
    process.exit(0);
  };
  process.on('SIGTERM', () => void end('SIGTERM'));
  process.on('SIGINT', () => void end('SIGINT'));
}
