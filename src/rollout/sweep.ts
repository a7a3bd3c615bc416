import type { TurnDeps } from './advance.ts';
import type { Slots } from './slots.ts';
import { type Taken, type TurnTaking, takeTurn } from './take-turn.ts';

export type Sweeping = {
  taking: TurnTaking;
  /** Turns of sweeps run in these and nowhere else. */
  slots: Slots;
  /** Hears of each turn when it has ended. */
  onTaken: (id: string, taken: Taken) => void;
  /** Aborts when no turn may begin any more. */
  closing: AbortSignal;
};

export type Sweeper = {
  /**
   * Takes the turn of every rollout that is due and whose alarm did not ring, each once, those that go back first.
   * Asks for more as slots become free, and ends when nothing more is due, although turns may still run. One rollout's
   * failure never stops another's turn. While a sweep is under way there is no second: it goes on, and may try again
   * what it has tried. Throws when the database cannot be asked at all.
   */
  sweep(): Promise<void>;
  /** Waits for the turns that run. */
  ended(): Promise<void>;
};

/** Sweeps over one store. Rows that this process cannot read are set aside. */
export function sweeper(deps: TurnDeps, { taking, slots, onTaken, closing }: Sweeping): Sweeper {
  const running = new Set<Promise<void>>();
  const tried = new Set<string>();
  let isUnderWay = false;

  async function takeAll(): Promise<void> {
    let leave = await slots.enter('sweep');
    try {
      let isMore = true;
      while (isMore && !closing.aborted) {
        const limit = atATime(slots);
        const ids = await deps.store.due(limit, [...new Set([...taking.aside.ids(), ...tried])]);
        leave = await beginAll(ids, leave);
        isMore = ids.length === limit;
      }
    } finally {
      leave();
    }
  }

  /** From one slot to the next; answers how to leave the last one, which is free. */
  async function beginAll(ids: string[], first: () => void): Promise<() => void> {
    let leave = first;
    for (const id of ids) {
      if (closing.aborted) break;
      begin(id, leave);
      leave = await slots.enter('sweep');
    }
    return leave;
  }

  function begin(id: string, leave: () => void): void {
    tried.add(id);
    const turn = takeTurn(deps, id, taking)
      .catch((error: unknown): Taken => ({ kind: 'failed', error, record: null }))
      .then((taken) => onTaken(id, taken))
      .finally(leave);
    running.add(turn);
    void turn.finally(() => running.delete(turn));
  }

  return {
    sweep: async () => {
      taking.aside.next();
      tried.clear();
      if (isUnderWay) return;
      isUnderWay = true;
      await takeAll().finally(() => {
        isUnderWay = false;
      });
    },
    ended: async () => {
      await Promise.allSettled(running);
    },
  };
}

/** Few when there is hardly a slot: what is asked for now and begun later would be begun in an order of the past. */
function atATime({ most, free }: Slots): number {
  return Math.max(free() + 1, Math.ceil(most / 4));
}
