/** One for all: to make one for each deadline takes longer than the rest of a turn. */
const timeIsUp = new Error('the time for the call was up');

/** The clock of a simulated world, in ms: PostgreSQL's, and what the deadlines of all calls run by. */
export function simulatedClock(start: number) {
  let now = start;
  let timers: { at: number; controller: AbortController }[] = [];

  return {
    start,
    get now() {
      return now;
    },
    /** A signal that aborts after so many milliseconds. */
    deadline(ms: number): AbortSignal {
      const controller = new AbortController();
      timers.push({ at: now + ms, controller });
      return controller.signal;
    },
    pass(ms: number): void {
      now += ms;
      const due = timers.filter(({ at }) => at <= now);
      if (due.length === 0) return;
      timers = timers.filter(({ at }) => at > now);
      for (const { controller } of due) controller.abort(timeIsUp);
    },
    /** When the next deadline ends. */
    nextDeadline: () => Math.min(...timers.map(({ at }) => at)),
  };
}

export type SimulatedClock = ReturnType<typeof simulatedClock>;
