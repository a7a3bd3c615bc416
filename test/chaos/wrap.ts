import { setTimeout as wait } from 'node:timers/promises';
import type { TurnDeps } from '../../src/rollout/advance.ts';
import type { Mesh } from '../../src/rollout/ports/mesh.ts';
import type { Store } from '../../src/rollout/ports/store.ts';
import { isSameShare } from '../../src/rollout/units.ts';
import type { Protection } from './protections.ts';

/** The lease of a run: short, so that a worker that stops for seconds loses it. */
const leaseSeconds = 2;
const longestDelayMs = 160;
const patienceMs = 3000;

export type Control = {
  /** The protection that is taken out now. */
  without: () => Protection | null;
  /** Called before and after each call of a turn with the place and the rollout: may stop the process. */
  at: (place: string, id: string) => Promise<void>;
  random: () => number;
  /** The rollout's epoch as it stands in the database now. */
  newestEpoch: (id: string) => Promise<number>;
};

/** Puts delays between a turn and its parts, and takes out one protection. */
export function chaotic(control: Control): (deps: TurnDeps) => TurnDeps {
  return (deps) => {
    const around = surrounding(control);
    const { metrics, alarm } = deps;
    return {
      ...deps,
      store: chaoticStore(deps.store, control, around),
      mesh: chaoticMesh(deps.mesh, control, around),
      metrics: {
        ...metrics,
        measure: (request, signal) => around('measure', '', () => metrics.measure(request, signal)),
      },
      alarm: { ring: (id, at, now) => around('ring', id, () => alarm.ring(id, at, now)) },
    };
  };
}

/** `also` is a second, more exact name of the call. */
type Around = <Answer>(
  call: string,
  id: string,
  run: () => Promise<Answer>,
  also?: string | false,
) => Promise<Answer>;

function surrounding({ at, random }: Control): Around {
  return async (call, id, run, also = false) => {
    await wait(random() * longestDelayMs);
    await at(`before ${call}`, id);
    if (also !== false) await at(`before ${also}`, id);
    const answer = await run();
    await at(`after ${call}`, id);
    await wait(random() * longestDelayMs);
    return answer;
  };
}

function chaoticStore(store: Store, { without, newestEpoch }: Control, around: Around): Store {
  return {
    ...store,
    claim: (id, worker) => around('claim', id, () => store.claim(id, worker, leaseSeconds)),
    save: (id, epoch, change) =>
      around(
        'save',
        id,
        async () => {
          if (without() !== 'fence') return store.save(id, epoch, change);
          return store.save(id, await newestEpoch(id), change);
        },
        change.events.some(({ type }) => type === 'step.completed') && 'step',
      ),
    due: async (...asked) => (without() === 'sweep' ? [] : store.due(...asked)),
  };
}

function chaoticMesh(mesh: Mesh, { without }: Control, around: Around): Mesh {
  const look: Mesh['look'] = (...asked) => around('look', '', () => mesh.look(...asked));
  return {
    ...mesh,
    look: async (...asked) => {
      const view = await look(...asked);
      return without() === 'fence' && view.kind === 'split' ? { ...view, owner: null } : view;
    },
    write: (target, view, write, signal) => {
      const isRaise = write.share > view.canaryShare;
      return around(
        isRaise ? 'raise' : 'write',
        write.rolloutId,
        async () => {
          const stands = isSameShare(view.canaryShare, write.share);
          if (without() === 'closing-write' && stands) return { kind: 'applied', canaryShare: write.share };
          if (without() !== 'resource-version') return mesh.write(target, view, write, signal);
          // Whoever sends late does so within his own time: the turn's deadline is not what is tested here.
          const later = AbortSignal.timeout(patienceMs);
          const newest = await mesh.look(target, later);
          return mesh.write(target, newest.kind === 'split' ? newest : view, write, later);
        },
        isRaise && view.canaryShare === 0 && 'first raise',
      );
    },
  };
}
