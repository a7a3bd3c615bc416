import * as because from './because.ts';
import { type Decision, decided, event, inState } from './decision.ts';
import type { Facts } from './evidence.ts';
import { hasEveryCheckPassed } from './evidence.ts';
import { turnBack } from './go-back.ts';
import { type Finding, watchOver } from './guard.ts';
import { carriersIn } from './identity.ts';
import { interrupt, interruptionIn } from './interruption.ts';
import type { SplitView } from './ports/mesh.ts';
import { type Cause, canaryd } from './reasons.ts';
import { emptyWatch, type Rollout } from './rollout.ts';
import * as say from './say.ts';
import { closingWrite, factsOf, pollAfter, type Sight } from './sight.ts';
import type { In } from './state.ts';
import type { Target } from './target.ts';
import { isSameShare, type Millis } from './units.ts';

type HandingOver = In<'handingOver'>;

/** A handover that waits this long for people is somebody's business. */
const patienceMs = 24 * 3_600_000;
const stableReadyRatio = 0.75;

/** All traffic was won: from here on the rollout waits for stable to be brought to the canary's images. */
export function beginHandover(
  rollout: Rollout & { state: In<'running'> },
  view: SplitView,
  now: Millis,
): Decision {
  const { position } = rollout.state;
  const state: HandingOver = {
    kind: 'handingOver',
    position,
    since: now,
    phase: 'waiting',
    waitingFor: null,
    hasWayBack: true,
    breach: null,
    paged: false,
  };
  const { stable, canary } = rollout.target;
  const message = `all checks have passed at 100 %: waiting until the pods of ${stable.version} (stable) run the images of ${canary.version}, then stable gets all traffic`;
  return decided(inState(rollout, state), {
    events: [event('rollout.handing_over', message)],
    write: closingWrite(rollout, view),
    nextAt: now,
  });
}

/** Whose requests are judged: once stable has all traffic it is stable's. */
export function judgedTarget({ target, state }: Rollout): Target {
  if (state.kind !== 'handingOver' || state.phase === 'waiting') return target;
  return { ...target, canary: target.stable, stable: target.canary };
}

/** A turn of a handover; the guards go on, and no deadline runs at 100 %. */
export function handOver(before: Rollout, state: HandingOver, sight: Sight, now: Millis): Decision {
  const { watch, finding } = watchOver(before, factsInPhase(before, state, sight), now);
  const rollout = { ...before, watch, nextPollAt: pollAfter(before, now) };
  const { view } = sight;
  if (view.kind !== 'split')
    return stay(inState(rollout, { ...state, waitingFor: notSeen(view) }), null, now);
  const known = withWayBack(rollout, state, view);
  const turn = { rollout, state: known, view, finding, now };
  return state.phase === 'waiting' ? awaitStable(turn, sight) : judgeStable(turn);
}

type Turn = { rollout: Rollout; state: HandingOver; view: SplitView; finding: Finding; now: Millis };

function notSeen(view: Exclude<Sight['view'], SplitView>): string {
  if (view.kind === 'missing') return 'the VirtualService is gone: put it back';
  const why = view.kind === 'shape' ? `${view.fault.path}: ${view.fault.message}` : view.why;
  return `the VirtualService cannot be read: ${say.inner(why)}`;
}

function factsInPhase(rollout: Rollout, { phase }: HandingOver, { view, measurements }: Sight): Facts {
  const facts = factsOf(rollout, view, measurements);
  if (phase === 'waiting') return facts;
  // The old canary may be scaled down by now, so its pods say nothing about a way back.
  const unread = { kind: 'unknown' as const, why: 'no longer needed' };
  const readiness = facts.readiness && { canary: facts.readiness.stable, stable: unread };
  return { ...facts, readiness, share: 100 };
}

/** A pod of stable that runs the canary's images closes the way back; when none does any more it is open again. */
function withWayBack(rollout: Rollout, state: HandingOver, view: SplitView): HandingOver {
  const carriers = carriersIn(view.images.stable, rollout.identity);
  return carriers === null ? state : { ...state, hasWayBack: carriers.carrying === 0 };
}

function awaitStable({ rollout, state, view, finding, now }: Turn, sight: Sight): Decision {
  const breach = finding.kind === 'rollback' ? finding.cause : null;
  if (breach !== null && state.hasWayBack) return turnBack(rollout, breach, sight, now);
  const reason = interruptionIn(rollout, view);
  if (reason !== null) return interrupt(rollout, { state, reason, view }, now);
  if (breach !== null) return noWayBack(rollout, state, breach, now);
  const waitingFor = obstacleTo(rollout, view, finding, sight);
  const clear: HandingOver = { ...state, breach: null, waitingFor };
  if (waitingFor !== null) return stay(inState(rollout, clear), closingWrite(rollout, view), now);
  const isRepeated = rollout.traffic.intent !== null && isSameShare(rollout.traffic.intent.share, 0);
  const message = `every ready pod of ${rollout.target.stable.version} (stable) runs the canary's images: giving it all traffic`;
  const events = isRepeated ? [] : [event('weight.intended', message, { from: view.canaryShare, to: 0 })];
  return decided(inState(rollout, clear), { events, write: { share: 0, end: true }, nextAt: now });
}

/** What keeps stable from getting all traffic, in words; null when nothing does. */
function obstacleTo(rollout: Rollout, view: SplitView, finding: Finding, { order }: Sight): string | null {
  const { stable } = rollout.target;
  if (finding.kind === 'hold') return because.hold(finding.reason);
  if (order !== null) return say.standing(order);
  const carriers = carriersIn(view.images.stable, rollout.identity);
  if (carriers === null)
    return `which images the pods of ${stable.version} run is not known: let canaryd list pods`;
  const { carrying, ready, total } = carriers;
  if (ready === 0 || carrying < ready)
    return `${carrying} of ${ready} ready pods of ${stable.version} (stable) run the canary's images`;
  if (ready >= Math.ceil(total * stableReadyRatio)) return null;
  return `${ready} of ${total} pods of ${stable.version} (stable) are ready`;
}

function judgeStable({ rollout, state, view, finding, now }: Turn): Decision {
  // Somebody took stable's new images back: users are on what they had before the rollout.
  if (state.hasWayBack && isKnownAsOld(rollout, view)) return undone(rollout, state, now);
  if (finding.kind === 'rollback') return noWayBack(rollout, state, finding.cause, now);
  const waitingFor = whyNotEnded(rollout, view, finding);
  const isOver = now - state.since >= rollout.plan.handoverBake * 1000;
  if (waitingFor !== null || !isOver || !hasEveryCheckPassed(rollout, state.since)) {
    const clear: HandingOver = { ...state, breach: null, waitingFor };
    return stay(inState(rollout, clear), closingWrite(rollout, view), now);
  }
  const ended = inState(rollout, { kind: 'succeeded', at: now });
  return decided(ended, { events: [event('rollout.succeeded', `succeeded: ${say.traffic(ended)}`)] });
}

function whyNotEnded({ target }: Rollout, { canaryShare }: SplitView, finding: Finding): string | null {
  if (canaryShare > 0)
    return `somebody gave ${say.share(canaryShare)} back to ${target.canary.version}: set it to 0`;
  return finding.kind === 'hold' ? because.hold(finding.reason) : null;
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

/** Weights would bring users from the new images to the new images: they stay, and somebody is told. */
function noWayBack(rollout: Rollout, state: HandingOver, breach: Cause, now: Millis): Decision {
  const stuck = inState(rollout, { ...state, breach });
  if (state.breach !== null) return decided(stuck);
  const message = `no way back by weights, because stable runs the canary's images: ${because.cause(breach, canaryd)}; type: ${say.undo(rollout)}; ${say.traffic(rollout)}`;
  const facts = { cause: breach };
  const events = [event('rollout.no_way_back', message, facts), event('page', message, facts)];
  return decided(stuck, { events, nextAt: now + rollout.plan.interval * 1000 });
}

/** Waits on, and tells somebody once when that has taken too long. */
function stay(rollout: Rollout & { state: HandingOver }, write: Decision['write'], now: Millis): Decision {
  const { state } = rollout;
  if (state.paged || now - state.since < patienceMs) return decided(rollout, { write });
  const message = `the handover has waited for ${say.seconds((now - state.since) / 1000)}: ${state.waitingFor ?? 'its bake has not passed'}; ${say.traffic(rollout)}`;
  return decided(inState(rollout, { ...state, paged: true }), { events: [event('page', message)], write });
}

/** Stable has all traffic and was read back: from now on it is stable that is judged. */
export function handedOver(rollout: Rollout, state: HandingOver, now: Millis): Rollout {
  const judging: HandingOver = { ...state, phase: 'judging', since: now, waitingFor: null, paged: false };
  const nextPollAt = now + rollout.plan.interval * 1000;
  return { ...rollout, state: judging, watch: emptyWatch, nextPollAt };
}
