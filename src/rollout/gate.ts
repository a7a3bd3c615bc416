import type { Command, Refusal } from './command.ts';
import { hasEveryCheckPassed } from './evidence.ts';
import type { StepType } from './plan.ts';
import { type PauseReason, type Rollout, stepAt } from './rollout.ts';
import * as say from './say.ts';

export type Forward = Extract<Command, { action: 'advance' | 'promote' }>;

/** What `advance` skips is time; neither a weight nor the end of a plan is skipped. */
const cannotSkip: Record<StepType, Refusal | null> = {
  setWeight: {
    code: 'gate-not-ready',
    message: 'This step sets a weight and has no time to skip. Wait for it, or resume a paused rollout.',
  },
  bake: null,
  pause: null,
  promote: { code: 'invalid-transition', message: 'This is the last step. Let it bake, or roll back.' },
};

/** Why a person's word forward is refused whatever it says; null when it may be obeyed. */
export function obstacleTo(action: Forward['action'], rollout: Rollout): Refusal | null {
  const { state } = rollout;
  if (action === 'advance' && 'position' in state) {
    const refusal = cannotSkip[stepAt(rollout, state.position).type];
    if (refusal !== null) return refusal;
  }
  return state.kind === 'paused' ? undecided(state.reason) : null;
}

/** A person may skip time, but only skips missing proof by saying so and why. Null when the word may be obeyed. */
export function gate(rollout: Rollout, { override, reason, action }: Forward): Refusal | null {
  const obstacle = obstacleTo(action, rollout);
  if (obstacle !== null) return obstacle;
  if (override?.includes('checks')) {
    const message = 'An override needs a "reason": it is written to the audit log.';
    return reason === undefined ? { code: 'override-needs-reason', message } : null;
  }
  const { state, traffic } = rollout;
  const needsNoProof = action === 'advance' && traffic.applied === 0;
  if (needsNoProof || (state.kind !== 'holding' && hasEveryCheckPassed(rollout, 0))) return null;
  return {
    code: 'gate-not-ready',
    message: `Not every check has passed at ${say.share(traffic.applied)} yet. Wait, or send {"override":["checks"],"reason":"..."} to ${action} without that proof; the guards still roll back.`,
  };
}

/** What somebody else did to the VirtualService is judged by a person first; null when there is nothing to judge. */
function undecided(reason: PauseReason): Refusal | null {
  if (reason.kind === 'drift') return undecidedDrift(reason);
  if (reason.kind !== 'recreated' && reason.kind !== 'shapeChanged') return null;
  return { code: 'invalid-transition', message: `Resume first: ${say.pause(reason)}.` };
}

/** A drift needs the person's word on which weight is meant. */
export function undecidedDrift({ expected, found }: { expected: number; found: number }): Refusal {
  const message = `Somebody else moved the canary's weight from ${say.share(expected)} to ${say.share(found)}. Resume with "drift":"adopt" to go on from ${say.share(found)}, or with "drift":"reassert" to write ${say.share(expected)} again.`;
  return { code: 'drift-undecided', message };
}
