import { pendingIn } from './approval.ts';
import { driftChoices, lowestOf } from './gate.ts';
import { environmentLimitMs, metricsMissingLimitMs, onlyPages } from './guard.ts';
import { breakGlass } from './mesh-mend.ts';
import { type Step, watchedSeconds } from './plan-parts.ts';
import type { HoldReason, PauseReason } from './reasons.ts';
import { type Rollout, stepAt } from './rollout.ts';
import * as say from './say.ts';
import type { In, Position, State } from './state.ts';
import { isSameShare, type Millis } from './units.ts';
import { isTaken } from './uptake.ts';
import { isPersonsPause } from './wait.ts';

/** What canaryd does next and when, without the full stop. `nextAt` is when the next turn is due. */
export function whatNext(rollout: Rollout, nextAt: Millis | null, now: Millis): string {
  const { state } = rollout;
  const when = nextAt === null || nextAt <= now ? 'now' : `in ${say.seconds((nextAt - now) / 1000)}`;
  const guarded = `rolls back by itself if a guard fails, and at ${say.moment(rollout.deadlineAt, now)} at the latest`;
  switch (state.kind) {
    case 'preflight':
      return `looks again ${when}`;
    case 'running':
      return `looks again ${when} and ${stepNext(rollout, state.position, now)}; ${guarded}`;
    case 'holding':
      return `looks again ${when} and goes on by itself when this is over${holdLimit(rollout, state.reason)}; ${state.reason.kind === 'killSwitch' ? stopped : guarded}`;
    case 'paused':
      return `${weightWhile(rollout, state.reason)} and looks again ${when}; rolls back by itself if a guard fails${pauseLimit(rollout, state, now)}${choices(rollout, state.reason)}`;
    case 'awaitingApproval':
      return `keeps the weight and looks again ${when}; goes on when approved, and rolls back by itself if a guard fails, if somebody rejects, and at ${say.moment(pendingIn(rollout.approvals)?.expiresAt ?? now, now)} if too few approve`;
    case 'handingOver':
      return handover(rollout, state, when, now);
    case 'rollingBack':
      return wayBack(rollout, state, when);
    case 'rollbackFailed':
      return 'nothing: canaryd cannot mend this, look at the VirtualService';
    case 'rolledBack':
      return state.stillReached === undefined ? ended : `${ended}; ${state.stillReached.mend}`;
    case 'preflightFailed':
      return `${ended}; mend what is said here and start another one`;
    case 'succeeded':
    case 'cancelled':
      return ended;
  }
}

const ended = 'nothing: this rollout has ended';
const stopped = 'rolls back by itself if a guard fails; no deadline runs meanwhile';

function choices({ traffic }: Rollout, reason: PauseReason): string {
  if (reason.kind === 'inconclusive')
    return '; resume to watch it for as long again, advance to go on unproven';
  if (reason.kind === 'warning')
    return '; resume to go on in spite of it at this weight, rollback to go back';
  return reason.kind === 'drift' ? `; ${driftChoices(lowestOf(reason, traffic))}` : '';
}

/** Only a canary that changed does not keep its weight while a person is awaited. */
function weightWhile({ traffic }: Rollout, { kind }: PauseReason): string {
  if (kind !== 'canaryChanged') return 'keeps the weight';
  if (traffic.applied > 0) return 'takes all traffic from the canary';
  return 'keeps the canary at 0 % until somebody resumes at the first step,';
}

function handover(
  { target, plan, traffic }: Rollout,
  { phase, breach, since }: In<'handingOver'>,
  when: string,
  now: Millis,
): string {
  const stable = target.stable.version;
  if (breach !== null)
    return `keeps the weights and looks again ${when}; take the images of ${stable} back with: ${say.undo({ target })}`;
  if (phase === 'waiting')
    return `keeps ${say.share(traffic.applied)} on the canary and looks again ${when}; gives stable all traffic when every ready pod of ${stable} runs the canary's images`;
  return `looks again ${when} and ends the rollout at ${say.moment(since + plan.handoverBake * 1000, now)} or later, when every check has passed on ${stable}`;
}

function stepNext(rollout: Rollout, position: Position, now: Millis): string {
  const step = stepAt(rollout, position);
  const owed = owedShare(rollout, step);
  if (owed !== null) return `writes ${say.share(owed)} for the canary`;
  if (step.type === 'approval') return 'asks for approval';
  const seconds = watchedSeconds(step);
  if (seconds === null) return step.type === 'pause' ? 'waits for a person' : 'writes 100 % for the canary';
  if (step.type !== 'pause' && !isTaken(rollout))
    return `begins to count ${say.seconds(seconds)} when requests show that the mesh has taken ${say.share(rollout.traffic.applied)}, or have not been enough to show it for as long as the checks look back`;
  const end = say.moment(position.startedAt + seconds * 1000, now);
  if (step.type === 'pause') return `goes on at ${end}`;
  const ends = rollout.plan.onSuccess === 'handover' ? 'begins the handover' : 'ends the rollout';
  const goesOn = step.type === 'promote' ? ends : 'goes on';
  return `${goesOn} at ${end} or later, when every check has passed at this weight`;
}

/** The share that is to be written next; null where the step only watches, waits or asks. */
function owedShare({ traffic: { desired, applied } }: Rollout, step: Step): number | null {
  if (!isSameShare(desired, applied)) return desired;
  if (step.type === 'setWeight') return step.weight;
  return step.type === 'promote' && applied < 100 ? 100 : null;
}

function holdLimit(rollout: Rollout, reason: HoldReason): string {
  if (reason.kind === 'judged') return judgedLimit(reason);
  if (reason.kind === 'environment')
    return `, or rolls back at ${say.timeOfDay(reason.since + environmentLimitMs)}`;
  if (reason.kind !== 'metricsMissing' || onlyPages(rollout, rollout.traffic.applied)) return '';
  return `, or rolls back at ${say.timeOfDay(reason.since + metricsMissingLimitMs)}`;
}

function judgedLimit({ ruling, until }: Extract<HoldReason, { kind: 'judged' }>): string {
  if (until === null) return '';
  const then = ruling === 'suspicion' ? 'pauses for a person' : 'rolls back';
  return `, or ${then} at ${say.timeOfDay(until)}`;
}

function pauseLimit(rollout: Rollout, state: In<'paused'>, now: Millis): string {
  if (state.reason.kind === 'anotherRollout') return ', and else only when a person says so';
  return `, and at ${say.moment(pauseEnd(rollout, state), now)} if nobody resumes`;
}

/** A person's pause ends when it expires; the deadline runs on only while canaryd itself stopped. */
function pauseEnd(
  { plan, deadlineAt }: Rollout,
  { since, reason }: Extract<State, { kind: 'paused' }>,
): Millis {
  const expiry = since + plan.pauseExpiry * 1000;
  return isPersonsPause(reason) ? expiry : Math.min(expiry, deadlineAt);
}

function wayBack({ target }: Rollout, { stuck }: In<'rollingBack'>, when: string): string {
  if (stuck?.kind === 'stableNotReady')
    return `looks again ${when} and writes 0 % for the canary as soon as stable has a ready pod`;
  if (stuck?.kind === 'stableCarries')
    return `keeps the weights, looks again ${when} and writes 0 % for the canary as soon as no pod of stable runs its images`;
  if (stuck?.kind === 'stableMissing')
    return `looks again ${when} and writes 0 % for the canary as soon as stable's destination is back`;
  const back = `writes 0 % for the canary ${when} and does not stop before it is read back`;
  if (stuck?.kind !== 'meshWriteFailed') return back;
  if (stuck.misshapen)
    return `looks again ${when} and writes 0 % for the canary as soon as the VirtualService is mended`;
  return `${back}; where canaryd alone is kept from it, this does it at once: ${breakGlass(target)}`;
}
