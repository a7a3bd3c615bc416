import type { Rollout } from './rollout.ts';
import type { Target } from './target.ts';

/** Whose requests are judged: once stable has all traffic it is stable's. */
export function judgedTarget({ target, state }: Rollout): Target {
  if (state.kind !== 'handingOver' || state.phase === 'waiting') return target;
  return { ...target, canary: target.stable, stable: target.canary };
}
