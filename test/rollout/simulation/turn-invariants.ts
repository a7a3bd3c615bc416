import { hasEnded, type Rollout } from '../../../src/rollout/rollout.ts';
import { positionOf } from '../../../src/rollout/state.ts';
import { isPersonsPause } from '../../../src/rollout/wait.ts';
import type { Evidence, Violation } from './evidence.ts';
import {
  type Change,
  decidingLook,
  type Landed,
  type Logbook,
  type Look,
  type Redeployment,
  type Turn,
} from './logbook.ts';
import { digestsOf, type Pod } from './pods.ts';

/** What every single turn must keep to, whatever became of it later. */
export function judgeTurns(evidence: Evidence): Violation[] {
  const { changes, errors, clockReads } = evidence.logbook;
  return [
    ...errors.map((detail) => ({ promise: 'no turn throws, or changes what it was given', detail })),
    ...clockReads.map((detail) => ({ promise: 'no turn goes by the clock of its own process', detail })),
    ...changes.flatMap((change) => revisionTells(change)),
    ...changes.flatMap((change) => rollbackIsTrue(change, evidence)),
    ...changes.flatMap((change) => handoverIsProven(change, evidence)),
    ...[...evidence.logbook.turns.values()].flatMap((turn) => deadlineHolds(turn)),
    ...raisesOf(evidence).flatMap((raise) => raiseIsFree(raise, evidence)),
    ...writesByTurn(evidence).flatMap((write) => sharesGoToTheKnownCanary(write)),
  ];
}

function revisionTells({ before, after }: Change): Violation[] {
  const expected = before.revision + (whatIsDecided(before) === whatIsDecided(after) ? 0 : 1);
  if (after.revision === expected) return [];
  const detail = `${after.revision} after ${before.revision}, ${before.state.kind} to ${after.state.kind}`;
  return [{ promise: 'the revision rises by one with a decision, and never otherwise', detail }];
}

function whatIsDecided({ state, traffic, approvals }: Rollout): string {
  const position = positionOf(state);
  return JSON.stringify([
    state.kind,
    position?.step,
    position?.bakeEnded,
    traffic.desired,
    traffic.managed.desired,
    approvals,
  ]);
}

type Write = Landed & { turn: Turn };

function writesByTurn({ logbook }: Evidence): Write[] {
  return logbook.writes.flatMap((landed) => {
    const turn = logbook.turns.get(landed.epoch);
    return turn === undefined ? [] : [{ ...landed, turn }];
  });
}

function raisesOf(evidence: Evidence): Write[] {
  return writesByTurn(evidence).filter(({ share, from }) => share > from);
}

function raiseIsFree({ turn, share, from }: Write, { logbook }: Evidence): Violation[] {
  const found: Violation[] = [];
  const detail = `${share} % after ${from} %, epoch ${turn.epoch}`;
  if (turn.order !== null) found.push({ promise: 'no share is raised while a hold order stands', detail });
  const decided = turn.saved[0];
  const look = decidingLook(turn);
  if (decided === undefined || look === undefined || from === 0 || isOverridden(decided)) return found;
  if (restsOnLies(decided, logbook))
    found.push({ promise: 'no share is raised on what is no answer', detail });
  // At the very instant of the look only what it saw.
  const isSeen = ({ at, template }: Redeployment) =>
    at < look.at || (at === look.at && look.canary.some((pod) => pod.ready && pod.template === template));
  const newest = Math.max(0, ...logbook.redeployments.filter(isSeen).map(({ at }) => at));
  if (isProvenSince(newest, decided)) return found;
  return [...found, { promise: 'what was measured before a redeployment proves nothing', detail }];
}

function restsOnLies({ watch }: Rollout, { lies, truths }: Logbook): boolean {
  const results = Object.values(watch.results);
  return results.some(({ verdict, at }) => verdict === 'pass' && lies.has(at) && !truths.has(at));
}

function isOverridden({ state }: Rollout): boolean {
  return positionOf(state)?.overridden === true;
}

function isProvenSince(since: number, { watch, plan }: Rollout): boolean {
  return Object.entries(plan.checks).every(([id, check]) => {
    const result = watch.results[id];
    return result?.verdict === 'pass' && result.at - check.window * 1000 >= since;
  });
}

/** Only what a person has seen, or the start has recorded, gets traffic. */
function sharesGoToTheKnownCanary({ turn, share }: Write): Violation[] {
  const look = decidingLook(turn);
  const identity = turn.before.identity ?? turn.saved[0]?.identity ?? null;
  if (share === 0 || look === undefined || identity === null) return [];
  const promise = 'a canary that changed gets no traffic before a person resumed';
  const stranger = look.canary.find((pod) => !runs(pod, identity.digests));
  if (stranger !== undefined) return [{ promise, detail: `${share} % while ${stranger.build} was there` }];
  const { state } = turn.before;
  const isPaused = state.kind === 'paused' && state.reason.kind === 'canaryChanged';
  return isPaused ? [{ promise, detail: `${share} % while paused for it` }] : [];
}

function runs({ build }: Pod, digests: Record<string, string>): boolean {
  return digests['app'] === digestsOf(build)['app'];
}

/** After all traffic was won, only weights that bring users to the old images are a way back. */
function rollbackIsTrue({ before, after, turn }: Change, { seen }: Evidence): Violation[] {
  const look = decidingLook(turn);
  if (hasEnded(before) || after.state.kind !== 'rolledBack' || look === undefined) return [];
  const { identity } = before;
  const handed = seen.some(({ rollout }) => rollout.state.kind === 'handingOver');
  const carriers = look.stable.filter((pod) => pod.ready && identity !== null && runs(pod, identity.digests));
  if (!handed || wasInterrupted(seen) || carriers.length === 0) return [];
  const detail = `from ${before.state.kind}, ${carriers.length} pods of stable run the new images`;
  return [{ promise: 'no handover is called rolled back while stable runs the new images', detail }];
}

function wasInterrupted(seen: Evidence['seen']): boolean {
  return seen.some(
    ({ rollout: { state } }) => state.kind === 'paused' && state.reason.kind === 'canaryChanged',
  );
}

function handoverIsProven({ before, after, by, turn, share }: Change, { logbook }: Evidence): Violation[] {
  const { state } = before;
  if (after.plan.onSuccess !== 'handover' || hasEnded(before) || after.state.kind !== 'succeeded') return [];
  const promise = 'a handover has succeeded when stable has all traffic and has passed with it';
  if (state.kind !== 'handingOver' || state.phase !== 'judging')
    return [{ promise, detail: `from ${state.kind}` }];
  if (share !== 0) return [{ promise, detail: `the canary had ${share} %` }];
  if (by === 'word') return [];
  if (!isProvenSince(handedOverAt(logbook.changes), after))
    return [{ promise, detail: 'without a pass of every check' }];
  return isWhole(decidingLook(turn), before)
    ? []
    : [{ promise, detail: 'stable did not run the new images' }];
}

/** When the turn began that first saw stable with all traffic. */
function handedOverAt(changes: Change[]): number {
  const first = changes.find(
    ({ after: { state } }) => state.kind === 'handingOver' && state.phase === 'judging',
  );
  return first?.turn?.at ?? 0;
}

function isWhole(look: Look | undefined, { identity }: Rollout): boolean {
  const ready = look?.stable.filter((pod) => pod.ready) ?? [];
  return ready.length > 0 && identity !== null && ready.every((pod) => runs(pod, identity.digests));
}

/** A turn that begins after the plan's time, and an interval more, may not go on. */
function deadlineHolds({ before, forwardMs, saved }: Turn): Violation[] {
  const decided = saved[0];
  const limit = (before.plan.deadline + before.plan.interval) * 1000;
  if (decided === undefined || forwardMs <= limit || !isOnItsWay(before) || !isOnItsWay(decided)) return [];
  const detail = `${decided.state.kind} after ${forwardMs / 1000} s`;
  return [{ promise: 'nothing goes on after the deadline of the plan', detail }];
}

function isOnItsWay({ state }: Rollout): boolean {
  if (state.kind === 'paused') return !isPersonsPause(state.reason);
  return state.kind === 'running' || (state.kind === 'holding' && state.reason.kind !== 'killSwitch');
}
