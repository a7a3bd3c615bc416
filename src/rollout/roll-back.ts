import type { Refusal } from './command.ts';
import { event, inState } from './decision.ts';
import { turnedBack } from './go-back.ts';
import { type Obedience, obeyed, refused } from './obedience.ts';
import type { Actor } from './reasons.ts';
import type { Rollout } from './rollout.ts';
import * as say from './say.ts';
import type { In } from './state.ts';
import type { Millis } from './units.ts';

/** A person's or a machine's word to go back: obeyed wherever weights can bring users back. */
export function rollBack(rollout: Rollout, reason: string | null, actor: Actor, now: Millis): Obedience {
  const { state } = rollout;
  const refusal = closedWayBack(rollout);
  if (refusal !== null) return refused(refusal);
  switch (state.kind) {
    case 'rolledBack':
      return { kind: 'obeyedBefore' };
    case 'succeeded': {
      const message = 'It has succeeded by now. Send rollback to it once more to take it back.';
      return refused({ code: 'invalid-transition', message });
    }
    case 'rollingBack':
      return insist(rollout, state, { reason, actor }, now);
    case 'preflight':
      // Nothing was written yet, so there is nothing to take back.
      return cancel(rollout, reason, actor, now);
    default: {
      const turned = turnedBack(rollout, { kind: 'operator', reason }, actor, now);
      return obeyed(rollout, turned.rollout, [turned.event, ...turned.voided], now);
    }
  }
}

/** It is on its way: a person's word lifts what only canaryd waits for, and starts no clock anew. */
function insist(
  rollout: Rollout,
  state: In<'rollingBack'>,
  { reason, actor }: { reason: string | null; actor: Actor },
  now: Millis,
): Obedience {
  if (state.by.kind !== 'canaryd') return { kind: 'obeyedBefore' };
  const stuck = state.stuck?.kind === 'stableNotReady' ? null : state.stuck;
  const message = `rolling back on the word of ${actor.name} too${reason === null ? '' : `: ${reason}`}`;
  const insisted = event('rollout.rolling_back', message, { cause: state.cause, reason }, actor);
  return obeyed(rollout, inState(rollout, { ...state, by: actor, stuck }), [insisted], now);
}

/** Ends what has moved no traffic yet. */
export function cancel(rollout: Rollout, reason: string | null, actor: Actor, now: Millis): Obedience {
  const ended = inState(rollout, { kind: 'cancelled', at: now, by: actor, reason });
  const why = reason === null ? '' : `: ${reason}`;
  return obeyed(
    rollout,
    ended,
    [event('rollout.cancelled', `cancelled by ${actor.name}, no traffic was moved${why}`, {}, actor)],
    now,
  );
}

/** Stable's pods that run the canary's images make going back by weights a lie; null when it is none. */
export function closedWayBack({ state, target, plan }: Rollout): Refusal | null {
  const isHandedOver = state.kind === 'succeeded' && plan.onSuccess === 'handover';
  const isOnItsWay = state.kind === 'handingOver' && (state.phase === 'judging' || !state.hasWayBack);
  if (!isHandedOver && !isOnItsWay) return null;
  const stable = target.stable.version;
  const message = `The pods of ${stable} (stable) run the canary's images, so weights bring nobody back. Type: ${say.undo({ target })}`;
  return { code: 'no-way-back', message };
}
