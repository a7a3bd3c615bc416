import { event } from './decision.ts';
import type { ClusterUnknown } from './locate.ts';
import { obeyStored } from './obey-scheduled.ts';
import type { Holds, Scope } from './ports/holds.ts';
import type { HoldOrder, Rollouts } from './ports/store.ts';
import type { Actor } from './reasons.ts';
import * as say from './say.ts';

export type HoldDeps = { holds: Holds; rollouts: Rollouts; clusters: readonly string[]; newId: () => string };

type PlaceAnswer = { kind: 'placed' | 'standing'; order: HoldOrder } | ClusterUnknown;

/** What became of each live or scheduled rollout of a scope that somebody rolls back. */
type RolledBack = {
  id: string;
  outcome: 'rollingBack' | 'cancelled' | 'refused';
  why: string | null;
};

export type RollBackAnswer = { kind: 'rolledBack'; rollouts: RolledBack[] } | ClusterUnknown;

/** How many rollouts are live in a scope and, when none is, the namespaces where some are: at most 10. */
export type LiveIn = { count: number; elsewhere: string[] };

/** What is done to many rollouts at once, in an emergency. */
export interface HoldService {
  place(scope: Scope, reason: string | null, actor: Actor): Promise<PlaceAnswer>;
  lift(
    id: string,
    actor: Actor,
  ): Promise<{ kind: 'lifted'; order: HoldOrder } | { kind: 'gone' | 'unknown' }>;
  standing(): Promise<HoldOrder[]>;
  /** What is live in a scope, scheduled rollouts included. */
  live(scope: Scope): Promise<LiveIn>;
  /** Rolls back every live rollout of the scope and cancels what is scheduled, side by side: none waits for another. */
  rollBack(scope: Scope, reason: string | null, actor: Actor): Promise<RollBackAnswer>;
}

/** Wires hold orders and the rollback of many; only a lost database throws. */
export function holdService(deps: HoldDeps): HoldService {
  const { holds, newId } = deps;
  return {
    place: async (scope, reason, actor) => {
      const unknown = unknownCluster(deps, scope);
      if (unknown !== null) return unknown;
      const why = reason === null ? '' : `: ${reason}`;
      const message = `${actor.name} stopped every move forward in ${say.scope(scope)}${why}`;
      return holds.place(
        { id: newId(), ...scope, by: actor, reason },
        event('hold.placed', message, scope, actor),
      );
    },
    lift: (id, actor) =>
      holds.lift(id, actor, (order) =>
        event(
          'hold.lifted',
          `${actor.name} let rollouts in ${say.scope(order)} go on again`,
          { hold: id },
          actor,
        ),
      ),
    standing: () => holds.standing(),
    live: (scope) => liveIn(deps, scope),
    rollBack: (scope, reason, actor) => rollBack(deps, scope, reason, actor),
  };
}

function unknownCluster({ clusters }: HoldDeps, { cluster: asked }: Scope): ClusterUnknown | null {
  if (asked === null || clusters.includes(asked)) return null;
  return { kind: 'clusterUnknown', asked, clusters };
}

const mostLooked = 50;
const mostNamed = 10;

async function liveIn({ rollouts }: HoldDeps, scope: Scope): Promise<LiveIn> {
  const { length: count } = await rollouts.liveIn(scope);
  if (count > 0) return { count, elsewhere: [] };
  const all = await rollouts.liveIn({ cluster: null, namespace: null });
  // A row that cannot be read names no namespace, and hides no other.
  const found = await Promise.all(all.slice(0, mostLooked).map((id) => rollouts.find(id).catch(() => null)));
  const namespaces = found.flatMap((one) => (one === null ? [] : [one.rollout.target.namespace]));
  return { count, elsewhere: [...new Set(namespaces)].slice(0, mostNamed) };
}

async function rollBack(
  deps: HoldDeps,
  scope: Scope,
  reason: string | null,
  actor: Actor,
): Promise<RollBackAnswer> {
  const unknown = unknownCluster(deps, scope);
  if (unknown !== null) return unknown;
  const ids = await deps.rollouts.liveIn(scope);
  // Whatever stands in one rollout's way, the others go back all the same.
  const rollouts = ids.map((id) => rollBackOne(deps, id, reason, actor).catch(() => [notReached(id)]));
  return { kind: 'rolledBack', rollouts: (await Promise.all(rollouts)).flat() };
}

function notReached(id: string): RolledBack {
  const why = 'it could not be read or written: send it again, or move its weight by hand';
  return { id, outcome: 'refused', why };
}

/** Empty when the rollout has ended meanwhile. */
async function rollBackOne(
  { rollouts }: HoldDeps,
  id: string,
  reason: string | null,
  actor: Actor,
): Promise<RolledBack[]> {
  const command = { action: 'rollback' as const, ...(reason === null ? {} : { reason }) };
  const answered = await rollouts.command<RolledBack>(id, (rollout, now) => {
    const obedience = obeyStored(rollout, command, actor, now);
    if (obedience.kind === 'refused')
      return {
        change: null,
        answer: { id, outcome: 'refused', why: obedience.refusal.message },
        remember: null,
      };
    if (obedience.kind === 'obeyedBefore')
      return { change: null, answer: { id, outcome: 'rollingBack', why: null }, remember: null };
    const { rollout: after, events, nextAt } = obedience.decision;
    const outcome = after.state.kind === 'cancelled' ? 'cancelled' : 'rollingBack';
    return {
      change: { rollout: after, events, nextAt },
      answer: { id, outcome, why: null },
      remember: null,
    };
  });
  return answered.kind === 'answered' ? [answered.answer] : [];
}
