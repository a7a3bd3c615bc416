import type { SimulatedClock } from './simulated-clock.ts';

export type Random = () => number;

/** A seeded stream of numbers in 0..1 (mulberry32, Tommy Ettinger, public domain). */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** What a gate waits for besides its turn: an instant, or a signal that was given up before. */
type Wait = { at: number; signal?: AbortSignal };
type Gate = Wait & { owner: string; label: string; open: () => void };

/**
 * Holds every asynchronous call at a gate and opens one at a time, so that a seed fixes the order of everything.
 * A crash forgets an owner's gates: what waited there never happens.
 */
export function scheduler(random: Random, clock: SimulatedClock) {
  const gates: Gate[] = [];
  const trace: string[] = [];
  let running = '';

  const isReady = ({ at, signal }: Gate) => at <= clock.now || signal?.aborted === true;
  const note = (line: string) => trace.push(`${((clock.now - clock.start) / 1000).toFixed(1)} s ${line}`);

  return {
    trace,
    note,
    /** Whoever's code runs now. */
    running: () => running,
    runAs: (owner: string) => {
      running = owner;
    },
    isIdle: () => gates.length === 0,
    ownersWaiting: () => [...new Set(gates.map((gate) => gate.owner))],
    /** Waits until the scheduler opens this gate, never before `wait` is over. */
    pass: (owner: string, label: string, wait: Wait = { at: 0 }) =>
      new Promise<void>((open) => gates.push({ ...wait, owner, label, open })),
    /** Opens one gate, chosen by the seed, and lets everything run up to the next gates. False when none is ready. */
    async openOne(): Promise<boolean> {
      const ready = gates.filter(isReady);
      const gate = ready[Math.floor(random() * ready.length)];
      if (gate === undefined) return false;
      // What is on its way through the network takes longer than what happens inside a worker.
      if (ready.length > 1 && gate.owner === 'network' && random() < 0.97) return true;
      gates.splice(gates.indexOf(gate), 1);
      note(`${gate.owner}: ${gate.label}`);
      running = gate.owner;
      gate.open();
      await settled();
      return true;
    },
    /** When the next gate becomes ready by the time alone. */
    nextAt: () => Math.min(...gates.map(({ at }) => at)),
    crash(owner: string): void {
      note(`${owner}: crash`);
      for (let index = gates.length - 1; index >= 0; index -= 1)
        if (gates[index]?.owner === owner) gates.splice(index, 1);
    },
    /** Stops an owner until an instant, as SIGSTOP does: deadlines that end meanwhile are noticed after it. */
    stop(owner: string, until: number): void {
      note(`${owner}: stopped for ${(until - clock.now) / 1000} s`);
      for (const gate of gates) {
        if (gate.owner !== owner) continue;
        gate.at = Number.isFinite(gate.at) ? Math.max(gate.at, until) : until;
        delete gate.signal;
      }
    },
    settled,
  };
}

export type Scheduler = ReturnType<typeof scheduler>;

/** Lets promise callbacks run until each has reached its next gate. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
