import type { Actor } from '../../rollout/reasons.ts';
import { ProblemError } from '../problem.ts';

/** Open connections that one name may hold, so that one client cannot take them all. */
export type Slots = {
  /** Takes one and answers how to give it back; throws a `too-many-listeners` problem when none is left. */
  take(actor: Actor): () => void;
};

/** @param what what is counted, for the sentence of the refusal */
export function slots(most: number, what: string): Slots {
  const taken = new Map<string, number>();
  return {
    take: ({ kind, name }) => {
      const key = `${kind} ${name}`;
      const held = taken.get(key) ?? 0;
      if (held >= most) {
        throw new ProblemError('too-many-listeners', `${name} has ${most} ${what} open, which is the most.`);
      }
      taken.set(key, held + 1);
      return once(() => release(taken, key));
    },
  };
}

function release(taken: Map<string, number>, key: string): void {
  const left = (taken.get(key) ?? 1) - 1;
  if (left > 0) taken.set(key, left);
  else taken.delete(key);
}

function once(act: () => void): () => void {
  let isDone = false;
  return () => {
    if (!isDone) act();
    isDone = true;
  };
}
