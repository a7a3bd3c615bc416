import { asFound, rewriting } from './as-found.ts';
import * as because from './because.ts';
import { type Decision, decided, event, inState, preceded, weightApplied } from './decision.ts';
import type { Facts } from './evidence.ts';
import type { Finding } from './finding.ts';
import { targetMissingLimitMs, turnBack } from './go-back.ts';
import { stableReadyRatio, watchOver } from './guard.ts';
import { type HandingOver, type HandoverTurn, noWayBack, partly, stay } from './handover-turn.ts';
import { carriersIn, identified } from './identity.ts';
import { interrupt, interruptedUnseen, interruptionIn, reshaped } from './interruption.ts';
import { judgeStable } from './judge-handover.ts';
import { paged } from './page.ts';
import type { SplitView } from './ports/mesh.ts';
import type { PauseReason } from './reasons.ts';
import { emptyWatch, type Rollout, trafficAt } from './rollout.ts';
import * as say from './say.ts';
import { lowestIn } from './several.ts';
import { closingWrite, factsOf, pollAfter, type Sight } from './sight.ts';
import type { In } from './state.ts';
import { withUid } from './target.ts';
import { isSameShare, type Millis } from './units.ts';

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
    missingSince: null,
  };
  const { stable, canary } = rollout.target;
  const message = `all checks have passed at 100 %: waiting until the pods of ${stable.version} (stable) run the images of ${canary.version}, then stable gets all traffic`;
  return decided(inState(rollout, state), {
    events: [event('rollout.handing_over', message)],
    write: closingWrite(rollout, view),
    nextAt: now,
  });
}

/** A turn of a handover; the guards go on, and no deadline runs at 100 %. */
export function handOver(given: Rollout, state: HandingOver, sight: Sight, now: Millis): Decision {
  const { view } = sight;
  const before = identified(given, view);
  const { watch, finding } = watchOver(before, factsInPhase(before, state, sight), now);
  const { rollout, events } = paged({ ...before, watch, nextPollAt: pollAfter(before, now) }, now);
  if (view.kind !== 'split')
    return preceded(
      events,
      unseenBreach({ rollout, state, view, finding, now }, sight) ??
        unseen({ ...rollout, state }, view, sight, now),
    );
  const seen = { ...state, missingSince: null };
  const turn = { rollout, state: withWayBack(rollout, seen, view), view, finding, now };
  return preceded(events, state.phase === 'waiting' ? awaitStable(turn, sight) : judgeStable(turn));
}

type Unseeing = Omit<HandoverTurn, 'view'> & { view: Exclude<Sight['view'], SplitView> };

/** One of several that cannot be read keeps none of the others from losing the traffic of a canary that failed or changed. */
function unseenBreach({ rollout, state: from, view, finding, now }: Unseeing, sight: Sight): Decision | null {
  const { readable } = view;
  if (readable === undefined || from.phase !== 'waiting') return null;
  const state = withWayBack(rollout, from, readable);
  const breach = finding.kind === 'rollback' ? finding.cause : null;
  if (breach !== null && state.hasWayBack) return turnBack({ ...rollout, state }, breach, sight, now);
  return interruptedUnseen({ ...rollout, state }, state, view, now);
}

/** An object that stays away has no weight that could be handed over: the way back is where that ends. */
function unseen(
  rollout: Rollout & { state: HandingOver },
  view: Exclude<Sight['view'], SplitView>,
  sight: Sight,
  now: Millis,
): Decision {
  const { state } = rollout;
  const missingSince = view.kind === 'missing' ? (state.missingSince ?? now) : null;
  if (missingSince !== null && now - missingSince >= targetMissingLimitMs)
    return turnBack(rollout, { kind: 'targetMissing' }, sight, now);
  return stay(inState(rollout, { ...state, missingSince, waitingFor: notSeen(view) }), null, now);
}

function notSeen(view: Exclude<Sight['view'], SplitView>): string {
  if (view.kind === 'missing') return 'the VirtualService is gone: put it back';
  const why = view.kind === 'shape' ? `${view.fault.path}: ${view.fault.message}` : view.why;
  return `the VirtualService cannot be read: ${say.inner(why)}`;
}

function factsInPhase(rollout: Rollout, { phase }: HandingOver, sight: Sight): Facts {
  const facts = factsOf(rollout, sight);
  if (phase === 'waiting') return facts;
  // The old canary may be scaled down by now, so its pods say nothing about a way back.
  const unread = { kind: 'unknown' as const, why: 'no longer needed' };
  const readiness = facts.readiness && { canary: facts.readiness.stable, stable: unread };
  return { ...facts, readiness, share: 100 };
}

/**
 * A pod of stable that runs the canary's images, ready or not, closes the way back; when stable is known to serve and
 * none does any more it is open again.
 */
function withWayBack(rollout: Rollout, state: HandingOver, view: SplitView): HandingOver {
  const carriers = carriersIn(view.images.stable, rollout.identity);
  if (carriers === null || (carriers.present === 0 && carriers.ready === 0)) return state;
  return { ...state, hasWayBack: carriers.present === 0 };
}

function awaitStable(turn: HandoverTurn, sight: Sight): Decision {
  const { rollout, state, view, finding, now } = turn;
  if (hasArrived(rollout, view)) return arrivedUnanswered(turn);
  const breach = finding.kind === 'rollback' ? finding.cause : null;
  if (breach !== null && state.hasWayBack) return turnBack(rollout, breach, sight, now);
  const reason = interruptionIn(rollout, view);
  if (reason?.kind === 'canaryChanged') return interrupt(rollout, { state, reason, view }, now);
  const { events, ...taken } = takenAsFound(rollout, reason, view, now);
  const here = { ...turn, rollout: taken.rollout };
  return preceded(events, breach === null ? keepWaiting(here, sight) : noWayBack(here, breach));
}

/** The write that gave stable all traffic stands in the mesh although its answer was lost. */
function hasArrived({ traffic: { intent } }: Rollout, { canaryShare }: SplitView): boolean {
  return intent !== null && isSameShare(intent.share, 0) && isSameShare(canaryShare, 0);
}

function arrivedUnanswered({ rollout, state, now }: HandoverTurn): Decision {
  const after = handedOver({ ...rollout, traffic: trafficAt(0, now) }, state, now);
  return decided(after, { events: [weightApplied(rollout.traffic.applied, after)] });
}

/**
 * Weights that somebody else moved are told of and taken as they are: the next write gives stable all traffic anyway,
 * and a pause would forget that there may be no way back.
 */
function takenAsFound(
  rollout: Rollout,
  reason: PauseReason | null,
  view: SplitView,
  now: Millis,
): Pick<Decision, 'rollout' | 'events'> {
  if (reason === null || reason.kind === 'shapeChanged' || reason.kind === 'routesChanged')
    return { rollout, events: [] };
  const found = asFound(rollout, view, now);
  const message = because.pause(reason);
  // Also what another rollout wrote is taken over: by writing what stands there.
  const isAnothers = reason.kind === 'anotherRollout';
  const traffic = isAnothers ? rewriting(found.traffic, lowestIn(view)) : found.traffic;
  return {
    rollout: { ...found, traffic, target: withUid(found.target, view.uid) },
    events: [event('drift.detected', message, { ...reason })],
  };
}

function keepWaiting({ rollout, state, view, finding, now }: HandoverTurn, sight: Sight): Decision {
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
  if (!view.hasStable) return because.stuck({ kind: 'stableMissing' });
  if (view.foreign !== null) return because.pause(reshaped(view.foreign, view));
  if (finding.kind === 'hold') return because.hold(finding.reason);
  if (order !== null) return say.standing(order);
  const carriers = carriersIn(view.images.stable, rollout.identity);
  if (carriers === null)
    return `which images the pods of ${stable.version} run is not known: let canaryd list pods`;
  const { carrying, ready, total } = carriers;
  if (ready === 0 || carrying < ready) return partly(rollout, carriers);
  if (ready >= Math.ceil(total * stableReadyRatio)) return null;
  return `${ready} of ${total} pods of ${stable.version} (stable) are ready`;
}

/** Stable has all traffic and was read back: from now on it is stable that is judged. */
export function handedOver(rollout: Rollout, state: HandingOver, now: Millis): Rollout {
  const judging: HandingOver = { ...state, phase: 'judging', since: now, waitingFor: null, paged: false };
  const nextPollAt = now + rollout.plan.interval * 1000;
  return { ...rollout, state: judging, watch: emptyWatch, nextPollAt };
}
