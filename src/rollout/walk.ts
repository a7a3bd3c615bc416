import { toldAsFound } from './as-found.ts';
import { askForApproval } from './ask-for-approval.ts';
import type { AuditEvent } from './audit.ts';
import * as because from './because.ts';
import { type Decision, decided, event, inState, type PlannedWrite, preceded } from './decision.ts';
import { isProven } from './evidence.ts';
import { beginHandover } from './hand-over.ts';
import { hold } from './hold.ts';
import { isManagedApplied, isPreviewed, managedInWords } from './managed.ts';
import { isSameRoutes, managedName } from './managed-route.ts';
import type { SplitView } from './ports/mesh.ts';
import { type Rollout, stepAt } from './rollout.ts';
import * as say from './say.ts';
import { closingWrite } from './sight.ts';
import { type In, resumedPosition, type State } from './state.ts';
import { takeStep } from './steps/step.ts';
import { isSameShare, type Millis, type Share } from './units.ts';
import { countingSinceTaken } from './uptake.ts';

export type Running = Rollout & { state: In<'running'> };
/** On its way through the plan, held or not. */
export type Underway = In<'running' | 'holding'>;

/** Where a walk begins: the state that the turn found, and the split that it may write on top of. */
type Ground = { from: Underway; view: SplitView };

/** Takes steps until one needs time, a weight or a person. Called only when nothing speaks against going on. */
export function walk(rollout: Rollout, ground: Ground, now: Millis): Decision {
  const { from } = ground;
  const position = countingSinceTaken(resumedPosition(from, now), rollout);
  const decision = stride({ ...rollout, state: { kind: 'running', position } }, ground, now);
  if (from.kind !== 'holding' || decision.rollout.state.kind === 'holding') return decision;
  return preceded([resumption(from)], decision);
}

/** The audit event that ends a hold. */
export function resumption({ reason }: In<'holding'>): AuditEvent {
  return event('rollout.resumed', 'going on: what held the rollout is over', { reason });
}

function stride(rollout: Running, ground: Ground, now: Millis): Decision {
  const { position } = rollout.state;
  const outcome = takeStep({ rollout, position, now });
  const { desired, applied, lowest, managed } = rollout.traffic;
  if (outcome.kind === 'shift') {
    const write = { share: outcome.share, end: false, managed: outcome.managed ?? managed.desired };
    return shiftIfProven(rollout, write, ground, now);
  }
  if (outcome.kind === 'finish') return shiftIfProven(rollout, { share: 100, end: true }, ground, now);
  // Somebody else had moved what is to stand there, and no step asks for it any more.
  const isThere = lowest === undefined && isSameShare(desired, applied);
  if (!isThere || !isManagedApplied(rollout.traffic))
    return shiftIfProven(rollout, { share: desired, end: false, managed: managed.desired }, ground, now);
  if (outcome.kind === 'done') return strideOn(rollout, ground, now);
  if (outcome.kind === 'approve') return askForApproval(rollout, ground.view, now);
  if (outcome.kind === 'handOver') return beginHandover(rollout, ground.view, now);
  return stand(rollout, outcome.kind, ground, now);
}

function strideOn(rollout: Running, ground: Ground, now: Millis): Decision {
  const next = ontoNextStep(rollout, now);
  const decision = stride(next.rollout, ground, now);
  return preceded(next.events, decision);
}

function stand(rollout: Running, until: 'wait' | 'pause', { view }: Ground, now: Millis): Decision {
  const write = closingWrite(rollout, view);
  if (until === 'wait') return decided(rollout, { write });
  const reason = { kind: 'plan' as const };
  const paused = inState(rollout, { kind: 'paused', position: rollout.state.position, since: now, reason });
  return decided(paused, { events: [event('rollout.paused', because.pause(reason), { reason })], write });
}

/** The next step, begun now, and the audit events that say so. */
export function ontoNextStep(
  rollout: Running,
  now: Millis,
  overridden = false,
): { rollout: Running; events: AuditEvent[] } {
  const { step } = rollout.state.position;
  const moved: Running = {
    ...rollout,
    state: { kind: 'running', position: { step: step + 1, startedAt: now, overridden, bakeEnded: false } },
  };
  const total = rollout.plan.steps.length;
  const next = stepAt(moved, moved.state.position);
  const completed = event(
    'step.completed',
    `step ${step + 1} of ${total} completed at ${say.share(rollout.traffic.applied)}`,
    { step },
  );
  const promoting = next.type === 'promote' ? [event('rollout.promoting', 'promoting to 100 %')] : [];
  return { rollout: moved, events: [completed, stepStarted(moved), ...promoting] };
}

/** The audit event of the step that a rollout stands at. */
export function stepStarted(rollout: Running): AuditEvent {
  const { position } = rollout.state;
  const step = stepAt(rollout, position);
  const message = `step ${position.step + 1} of ${rollout.plan.steps.length} started: ${say.step(step)}`;
  return event('step.started', message, { step: position.step, type: step.type });
}

/** Polls that proof may be old: one may be under way, and one may have been missed. */
const freshPolls = 2;

/**
 * Gives a canary with traffic more of it only on proof that still holds. It was asked for when the bake ended, but a
 * pause, a refused write or an outage may have come between.
 */
function shiftIfProven(given: Running, write: PlannedWrite, ground: Ground, now: Millis): Decision {
  // What stands there is told by the answer of the write that asks for it again.
  if (isSameShare(ground.view.canaryShare, write.share)) return shiftFrom(given, write, ground, now);
  const { rollout, events } = toldAsFound(given, ground.view, now);
  return preceded(events, shiftFrom({ ...rollout, state: given.state }, write, ground, now));
}

function shiftFrom(rollout: Running, write: PlannedWrite, { from, view }: Ground, now: Millis): Decision {
  const { applied, lowest = applied } = rollout.traffic;
  const isRaise = hasProof(rollout) && write.share > lowest && !isSameShare(write.share, lowest);
  const freshSince = now - freshPolls * Math.max(rollout.plan.interval, rollout.scrapeSeconds) * 1000;
  const mayGoOn = rollout.state.position.overridden || isProven(rollout, freshSince);
  if (!isRaise || mayGoOn) return shift(rollout, write, from, now);
  const state = isHeldHere(from, rollout) ? from : rollout.state;
  return hold(rollout, { state, reason: { kind: 'unproven', share: applied }, view }, now);
}

/** True when there is something to prove from: the canary has a share, or a bake watched what a managed route brought. */
function hasProof(rollout: Running): boolean {
  if (rollout.traffic.applied > 0) return true;
  const passed = rollout.plan.steps.slice(0, rollout.state.position.step);
  return isPreviewed(rollout) && passed.some(({ type }) => type === 'bake');
}

/** A hold goes on with its clock while the rollout stands at the same step. */
function isHeldHere(from: Underway, { state }: Running): from is In<'holding'> {
  return from.kind === 'holding' && from.position.step === state.position.step;
}

function shift(rollout: Running, write: PlannedWrite, from: Underway, now: Millis): Decision {
  // Only an answer shows that writing works again: until then the hold stands and each attempt is a quiet one.
  const after = isHeldByWrites(from) ? inState(rollout, from) : rollout;
  const { applied, lowest = applied, intent } = rollout.traffic;
  const isRepeated = intent !== null && isSameShare(intent.share, write.share);
  const routes = routesIntended(rollout, write);
  const before = isSameShare(write.share, applied) ? lowest : applied;
  if (isRepeated || isSameShare(write.share, before))
    return decided(after, { events: routes, write, nextAt: now });
  const raised = raisedIn(rollout.traffic, write.share).map((name) => ` in ${name}`);
  const message = `weight of ${rollout.target.canary.version} to go from ${say.share(before)} to ${say.share(write.share)}${raised.join(' and')}`;
  const intended = event('weight.intended', message, { from: before, to: write.share });
  return decided(after, { events: [...routes, intended], write, nextAt: now });
}

/** Which of several are raised, where they stand at different shares. */
function raisedIn({ parts = {} }: Rollout['traffic'], share: Share): string[] {
  return Object.entries(parts).flatMap(([name, shares]) => (Math.min(...shares) < share ? [name] : []));
}

/** What is to change among the managed routes, told before it is written. */
function routesIntended({ traffic, target }: Rollout, { managed, end }: PlannedWrite): AuditEvent[] {
  const before = traffic.managed.desired;
  if (end || managed === undefined || isSameRoutes(managed, before)) return [];
  const put = managed.filter((route) => !before.some((one) => isSameRoutes([one], [route])));
  const gone = before.filter(({ name }) => !managed.some((one) => one.name === name));
  const words = [
    ...put.map(
      (route) =>
        `route ${managedName(route)} to be put in place: ${managedInWords(route, target.canary.version)}`,
    ),
    ...gone.map((route) => `route ${managedName(route)} to be taken away`),
  ];
  const message = words.length === 0 ? 'the managed routes are to be put in another order' : words.join('; ');
  return [event('route.intended', message, { routes: managed.map(managedName) })];
}

/** True while a rollout holds because its weight could not be written. */
export function isHeldByWrites(state: State): state is In<'holding'> {
  return state.kind === 'holding' && state.reason.kind === 'meshWriteFailed';
}
