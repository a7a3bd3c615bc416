/** What asks for a slot: a sweep knows from the database what cannot wait, an alarm only that something is due. */
type Asking = 'sweep' | 'alarm';

export type Slots = {
  /** How many there are. */
  most: number;
  /** How many are free. */
  free(): number;
  /**
   * Waits for a slot; call the answer once to leave it. A sweep comes before every alarm, among alarms the one that
   * has waited longest is next.
   */
  enter(asking: Asking): Promise<() => void>;
};

/** So many slots for turns. */
export function slots(most: number): Slots {
  const waiting: Record<Asking, (() => void)[]> = { sweep: [], alarm: [] };
  let free = most;

  function leave(): void {
    // Handed on, so that nobody who came later takes it.
    const next = waiting.sweep.shift() ?? waiting.alarm.shift();
    if (next === undefined) free += 1;
    else next();
  }

  return {
    most,
    free: () => free,
    enter: async (asking) => {
      if (free > 0) free -= 1;
      else await new Promise<void>((resolve) => waiting[asking].push(resolve));
      return leave;
    },
  };
}
