import { warningsIn } from './plan-parts.ts';
import type { Rollout, Watch } from './rollout.ts';
import { isSameShare } from './units.ts';

/**
 * The checks of severity `warning` that ask nobody now: those that a person went on in spite of at this share and, once the
 * canary's images are handed over, all of them, for no pause takes them back.
 */
export function acknowledgedIn({ watch, traffic, state, plan }: Rollout): readonly string[] {
  if (state.kind === 'handingOver') return Object.keys(warningsIn(plan.checks));
  const { acknowledged } = watch;
  if (acknowledged === null || !isSameShare(acknowledged.share, traffic.applied)) return [];
  return acknowledged.checks;
}

/** A person has seen that this check fails, and goes on in spite of it at this share. */
export function acknowledging(rollout: Rollout, check: string): Watch['acknowledged'] {
  return { share: rollout.traffic.applied, checks: [...new Set([...acknowledgedIn(rollout), check])] };
}
