import { asFound } from './as-found.ts';
import * as because from './because.ts';
import { type Decision, decided, event, inState } from './decision.ts';
import { isProven } from './evidence.ts';
import type { Finding } from './finding.ts';
import { type HandingOver, type HandoverTurn, noWayBack, partly, stay } from './handover-turn.ts';
import { carriersIn } from './identity.ts';
import { reshaped } from './interruption.ts';
import type { SplitView } from './ports/mesh.ts';
import { canaryd } from './reasons.ts';
import type { Rollout } from './rollout.ts';
import * as say from './say.ts';
import { closingWrite } from './sight.ts';
import { isSameShare, type Millis } from './units.ts';

/** Stable has all traffic: it is watched for its bake, and what it breaks no weight can mend. */
export function judgeStable(turn: HandoverTurn): Decision {
  const { state, view, finding, now } = turn;
  const rollout = asFound(turn.rollout, view, now);
  // Somebody took stable's new images back: users are on what they had before the rollout.
  if (state.hasWayBack && isKnownAsOld(rollout, view)) return undone(rollout, state, now);
  if (finding.kind === 'rollback') return noWayBack({ ...turn, rollout }, finding.cause);
  const waitingFor = whyNotEnded(rollout, view, finding);
  const isOver = now - state.since >= rollout.plan.handoverBake * 1000;
  if (waitingFor !== null || !isOver || !isProven(rollout, state.since)) {
    const clear: HandingOver = { ...state, breach: null, waitingFor };
    return stay(inState(rollout, clear), closingWrite(rollout, view), now);
  }
  const ended = inState(rollout, { kind: 'succeeded', at: now });
  return decided(ended, { events: [event('rollout.succeeded', `succeeded: ${say.traffic(ended)}`)] });
}

function whyNotEnded(rollout: Rollout, view: SplitView, finding: Finding): string | null {
  const { canary } = rollout.target;
  if (view.canaryShare > 0)
    return `somebody gave ${say.share(view.canaryShare)} back to ${canary.version}: set it to 0`;
  if (view.foreign !== null) return because.pause(reshaped(view.foreign, view));
  if (finding.kind === 'hold') return because.hold(finding.reason);
  const carriers = carriersIn(view.images.stable, rollout.identity);
  return carriers !== null && carriers.carrying < carriers.ready ? partly(rollout, carriers) : null;
}

function isKnownAsOld(rollout: Rollout, view: SplitView): boolean {
  const carriers = carriersIn(view.images.stable, rollout.identity);
  return carriers !== null && carriers.ready > 0 && isSameShare(view.canaryShare, 0);
}

function undone(rollout: Rollout, { since }: HandingOver, now: Millis): Decision {
  const cause = { kind: 'handoverUndone' as const };
  const ended = inState(rollout, { kind: 'rolledBack', at: now, since, cause, by: canaryd });
  const message = `rolled back: ${say.traffic(ended)}; ${because.cause(cause, canaryd)}`;
  return decided(ended, { events: [event('rollout.rolled_back', message, { cause })] });
}
