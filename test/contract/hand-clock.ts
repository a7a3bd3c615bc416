import type { After } from '../../src/sandbox/clock.ts';

/** Timers that run only when the test lets time pass. */
export type HandClock = { after: After; pass(milliseconds: number): void };

export function handClock(): HandClock {
  let nowMs = 0;
  let timers: { atMs: number; run: () => void }[] = [];
  return {
    after: (milliseconds, run) => {
      const timer = { atMs: nowMs + milliseconds, run };
      timers.push(timer);
      return () => {
        timers = timers.filter((one) => one !== timer);
      };
    },
    pass: (milliseconds) => {
      const untilMs = nowMs + milliseconds;
      const next = () => timers.filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0];
      for (let timer = next(); timer !== undefined; timer = next()) {
        const due = timer;
        timers = timers.filter((one) => one !== due);
        nowMs = due.atMs;
        due.run();
      }
      nowMs = untilMs;
    },
  };
}
