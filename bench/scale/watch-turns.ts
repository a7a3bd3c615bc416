import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { z } from 'zod';
import type { TurnDeps } from '../../src/rollout/advance.ts';

/** A rollout's id, an epoch of it, and an instant by PostgreSQL's clock in ms. */
const Mark = z.tuple([z.string(), z.number(), z.number()]);

/** What a worker saw since it last told. */
export const Seen = z.object({
  /** Turns that were claimed, and when. */
  claimed: z.array(Mark),
  /** When the turn after this epoch's is due. */
  due: z.array(Mark),
  /** Milliseconds that each part of a turn took; `turn` is all of it. */
  took: z.record(z.string(), z.array(z.number())),
  /** The longest time for which the event loop was busy, in ms. */
  busyMs: z.number(),
});
export type Seen = z.infer<typeof Seen>;

/** Puts clocks between a turn and its parts; `take` answers what they saw since it was last asked. */
export function watchTurns(deps: TurnDeps): { deps: TurnDeps; take(): Seen } {
  const loop = monitorEventLoopDelay({ resolution: 5 });
  loop.enable();
  const begun = new Map<string, number>();
  let seen = nothingSeen();
  const note = (part: string, since: number) => {
    const before = seen.took[part] ?? [];
    before.push(performance.now() - since);
    seen.took[part] = before;
  };
  const { store, mesh, metrics, alarm } = deps;
  const claim = timed('claim', store.claim, note);
  const save = timed('save', store.save, note);
  const watched: TurnDeps = {
    ...deps,
    mesh: { ...mesh, look: timed('look', mesh.look, note), write: timed('write', mesh.write, note) },
    metrics: { ...metrics, measure: timed('measure', metrics.measure, note) },
    alarm: { ring: timed('ring', alarm.ring, note) },
    store: {
      ...store,
      claim: async (id, ...rest) => {
        const since = performance.now();
        const claimed = await claim(id, ...rest);
        if (claimed === null) return null;
        seen.claimed.push([id, claimed.epoch, claimed.now]);
        begun.set(id, since);
        return claimed;
      },
      save: async (id, epoch, change) => {
        const saved = await save(id, epoch, change);
        if (!change.release) return saved;
        if (change.nextAt !== null) seen.due.push([id, epoch, change.nextAt]);
        note('turn', begun.get(id) ?? performance.now());
        begun.delete(id);
        return saved;
      },
    },
  };
  const take = () => {
    const taken = { ...seen, busyMs: loop.max / 1e6 };
    seen = nothingSeen();
    loop.reset();
    return taken;
  };
  return { deps: watched, take };
}

function nothingSeen(): Seen {
  return { claimed: [], due: [], took: {}, busyMs: 0 };
}

function timed<Given extends unknown[], Answer>(
  part: string,
  call: (...given: Given) => Promise<Answer>,
  note: (part: string, since: number) => void,
): (...given: Given) => Promise<Answer> {
  return async (...given) => {
    const since = performance.now();
    return call(...given).finally(() => note(part, since));
  };
}
