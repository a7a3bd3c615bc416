/** A seeded stream of numbers in 0..1 (mulberry32, Tommy Ettinger, public domain). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

type Gate = { owner: string; label: string; open: () => void };

/**
 * Holds every asynchronous call at a gate and opens one at a time, so that a seed fixes the order of everything.
 * A crash forgets an owner's gates: what waited there never happens.
 */
export function scheduler(random: () => number) {
  const gates: Gate[] = [];
  const trace: string[] = [];

  return {
    trace,
    isIdle: () => gates.length === 0,
    ownersWaiting: () => [...new Set(gates.map((gate) => gate.owner))],
    /** Waits until the scheduler opens this gate. */
    pass: (owner: string, label: string) => new Promise<void>((open) => gates.push({ owner, label, open })),
    /** Opens one gate, chosen by the seed, and lets everything run up to the next gates. */
    async openOne(): Promise<void> {
      const index = Math.floor(random() * gates.length);
      // What is on its way through the network takes longer than what happens inside a worker.
      if (gates.length > 1 && gates[index]?.owner === 'network' && random() < 0.97) return;
      const [gate] = gates.splice(index, 1);
      if (gate === undefined) return;
      trace.push(`${gate.owner}: ${gate.label}`);
      gate.open();
      await settled();
    },
    crash(owner: string): void {
      trace.push(`${owner}: crash`);
      for (let index = gates.length - 1; index >= 0; index -= 1)
        if (gates[index]?.owner === owner) gates.splice(index, 1);
    },
    settled,
  };
}

/** Lets promise callbacks run until each has reached its next gate. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
