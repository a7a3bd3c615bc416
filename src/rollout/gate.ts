import * as because from './because.ts';
import type { Command, Refusal } from './command.ts';
import { isProven } from './evidence.ts';
import { isPreviewed } from './managed.ts';
import type { StepType } from './plan-parts.ts';
import type { PauseReason } from './reasons.ts';
import { type Rollout, stepAt } from './rollout.ts';
import * as say from './say.ts';
import type { In } from './state.ts';
import { isTaken } from './uptake.ts';

export type Forward = Extract<Command, { action: 'advance' | 'promote' }>;

const writesOnly: Refusal = {
  code: 'gate-not-ready',
  message:
    'This step changes a managed route and has no time to skip. Wait for it, or resume a paused rollout.',
};

/** What `advance` skips is time; neither a weight nor the end of a plan is skipped. */
const cannotSkip: Record<StepType, Refusal | null> = {
  setWeight: {
    code: 'gate-not-ready',
    message: 'This step sets a weight and has no time to skip. Wait for it, or resume a paused rollout.',
  },
  setHeaderRoute: writesOnly,
  setMirrorRoute: writesOnly,
  bake: null,
  pause: null,
  approval: {
    code: 'approval-required',
    message: 'This step waits for an approval, which nobody can skip. Approve it, or roll back.',
  },
  promote: { code: 'invalid-transition', message: 'This is the last step. Let it bake, or roll back.' },
};

/** Why a person's word forward is refused whatever it says; null when it may be obeyed. */
export function obstacleTo(action: Forward['action'], rollout: Rollout): Refusal | null {
  const { state } = rollout;
  if (state.kind === 'handingOver') return hasAll(rollout, state) ? null : notYetHandedOver;
  if (action === 'promote' && hasApprovalAhead(rollout)) return approvalAhead;
  if (action === 'advance' && 'position' in state) {
    const refusal = cannotSkip[stepAt(rollout, state.position).type];
    if (refusal !== null) return refusal;
  }
  return state.kind === 'paused' ? undecided(rollout, state.reason) : null;
}

/** Whether stable has all traffic after a handover, as it was last read. */
function hasAll({ traffic }: Rollout, { phase }: In<'handingOver'>): boolean {
  return phase === 'judging' && traffic.applied === 0;
}

const notYetHandedOver: Refusal = {
  code: 'gate-not-ready',
  message: "Stable does not have all traffic: the handover waits until its pods run the canary's images.",
};

const approvalAhead: Refusal = {
  code: 'approval-required',
  message:
    'A step that waits for an approval lies ahead, and no promote goes past it. Let the rollout reach it.',
};

function hasApprovalAhead({ plan, state }: Rollout): boolean {
  return 'position' in state && plan.steps.slice(state.position.step).some(({ type }) => type === 'approval');
}

/** A person may skip time, but only skips missing proof by saying so and why. Null when the word may be obeyed. */
export function gate(rollout: Rollout, { override, reason, action }: Forward): Refusal | null {
  const obstacle = obstacleTo(action, rollout) ?? stopped(rollout, action);
  if (obstacle !== null) return obstacle;
  if (override?.includes('checks')) {
    const message = 'An override needs a "reason": it is written to the audit log.';
    return reason === undefined ? { code: 'override-needs-reason', message } : null;
  }
  const { state, traffic } = rollout;
  const needsNoProof = action === 'advance' && traffic.applied === 0 && !isPreviewed(rollout);
  const hasProof = isTaken(rollout) && isProven(rollout, 0);
  if (needsNoProof || (state.kind !== 'holding' && hasProof)) return null;
  return {
    code: 'gate-not-ready',
    message: `${whyUnproven(rollout)} Wait, or send {"override":["checks"],"reason":"..."} to ${action} without that proof; the guards still hold and roll back.`,
  };
}

function whyUnproven(rollout: Rollout): string {
  const { state, traffic } = rollout;
  if (state.kind === 'holding') return `The rollout holds: ${because.hold(state.reason)}.`;
  if (!isTaken(rollout))
    return `Requests do not show yet that the mesh has taken ${say.share(traffic.applied)}.`;
  return `Not every check has passed at ${say.share(traffic.applied)} yet.`;
}

/** A word that is given while nothing may move would move at once when the order is lifted, without new proof. */
function stopped({ state }: Rollout, action: Forward['action']): Refusal | null {
  if (state.kind !== 'holding' || state.reason.kind !== 'killSwitch') return null;
  const { order } = state.reason;
  const message = `The rollout holds: ${because.hold(state.reason)}. No override goes past a hold order: lift it first with DELETE /v1/hold/${order}, then ${action}.`;
  return { code: 'gate-not-ready', message };
}

/** What somebody else did to the VirtualService is judged by a person first; null when there is nothing to judge. */
function undecided({ traffic }: Rollout, reason: PauseReason): Refusal | null {
  if (reason.kind === 'drift') return refusedDrift(lowestOf(reason, traffic), undefined);
  if (reason.kind === 'operator' || reason.kind === 'plan') return null;
  return { code: 'invalid-transition', message: `Resume first: ${because.pause(reason)}.` };
}

export type Drift = { expected: number; found: number };

/** What counts of a drift over several routes: what was lowered in any of them, before what was raised in another. */
export function lowestOf({ expected, found }: Drift, { lowest = found }: Rollout['traffic']): Drift {
  return { expected, found: lowest < expected ? Math.min(found, lowest) : found };
}

/**
 * Why a person's word on a drift is refused, or null. A canary that somebody lowered is never raised again by
 * writing the old weight, and one without traffic has nothing to go on from.
 */
export function refusedDrift(drift: Drift, choice: 'adopt' | 'reassert' | undefined): Refusal | null {
  const { expected, found } = drift;
  const isRefused =
    choice === undefined ||
    (choice === 'reassert' && found < expected) ||
    (choice === 'adopt' && found === 0);
  return isRefused ? undecidedDrift(drift) : null;
}

function undecidedDrift({ expected, found }: Drift): Refusal {
  const moved =
    found === expected
      ? `Somebody else moved the canary's weight and put it back to ${say.share(found)}.`
      : `Somebody else moved the canary's weight from ${say.share(expected)} to ${say.share(found)}.`;
  return { code: 'drift-undecided', message: `${moved} ${say.sentence(driftChoices({ expected, found }))}` };
}

/** What a person may send after a drift, in words. */
export function driftChoices({ expected, found }: Drift): string {
  const adopt = `resume with "drift":"adopt" to go on from`;
  if (found === expected) return `${adopt} there`;
  if (found === 0) return 'roll back, and start again when the canary may have traffic';
  return found < expected
    ? `${adopt} ${say.share(found)}, or roll back; what was lowered by hand is not raised again`
    : `${adopt} ${say.share(found)}, or with "drift":"reassert" to write ${say.share(expected)} again`;
}
