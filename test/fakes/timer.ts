import type { Timer } from '../../src/api/live/timer.ts';

export type FakeTimer = Timer & {
  /** Lets so much time pass: what falls due acts in its order, and what that starts is waited for. */
  pass(ms: number): Promise<void>;
  /** How much is still to act. */
  waiting(): number;
  /** Milliseconds that have passed so far. */
  now(): number;
};

type Appointment = { at: number; act: () => void };

/** Time that passes only when a test says so. */
export function fakeTimer(): FakeTimer {
  let now = 0;
  const appointments = new Set<Appointment>();
  function nextBy(end: number): Appointment | undefined {
    const due = [...appointments].filter(({ at }) => at <= end);
    return due.sort((left, right) => left.at - right.at)[0];
  }
  return {
    after: (ms, act) => {
      const appointment = { at: now + ms, act };
      appointments.add(appointment);
      return () => appointments.delete(appointment);
    },
    pass: async (ms) => {
      const end = now + ms;
      await settled();
      for (let next = nextBy(end); next !== undefined; next = nextBy(end)) {
        now = next.at;
        appointments.delete(next);
        next.act();
        await settled();
      }
      now = end;
    },
    waiting: () => appointments.size,
    now: () => now,
  };
}

/** Everything that needs no time has happened. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
