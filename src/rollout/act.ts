import type { Command, Refusal } from './command.ts';
import { obeyStored } from './obey-scheduled.ts';
import type { Mesh } from './ports/mesh.ts';
import type { Remembered, Rollouts } from './ports/store.ts';
import type { Actor } from './reasons.ts';
import {
  begunAt,
  isScheduled,
  liveStatuses,
  type Rollout,
  type Status,
  type StoredRollout,
  statusOf,
} from './rollout.ts';
import { refusedTakeBack, takingBack } from './take-back.ts';
import { objectsOf, routeLabel, type Target } from './target.ts';
import type { Millis } from './units.ts';

export type ActAnswer =
  | { kind: 'accepted'; rollout: StoredRollout; now: Millis }
  | { kind: 'refused'; refusal: Refusal; rollout: StoredRollout; now: Millis }
  | { kind: 'unknown' }
  | { kind: 'answeredBefore' };

/** Renders the answer that a repeated Idempotency-Key gets, inside the transaction that it belongs to. */
export type Remember = (rollout: StoredRollout, now: Millis) => Remembered;

export type ActDeps = {
  mesh: Mesh;
  rollouts: Rollouts;
  newId: () => string;
  deadline: (ms: number) => AbortSignal;
};

type Act = { id: string; command: Command; actor: Actor; remember: Remember | null };

/** Milliseconds that taking back waits for a look at the mesh; without one it goes ahead. */
const lookMs = 3000;

/** Carries a command out on one rollout. Rolling back one that has succeeded makes a new one. */
export async function act(deps: ActDeps, asked: Act): Promise<ActAnswer> {
  const { id, command, actor, remember } = asked;
  const answered = await deps.rollouts.command<ActAnswer | { kind: 'succeeded'; rollout: Rollout }>(
    id,
    (rollout, now) => {
      const isEnd = !isScheduled(rollout) && rollout.state.kind === 'succeeded';
      if (command.action === 'rollback' && isEnd)
        return { change: null, answer: { kind: 'succeeded', rollout }, remember: null };
      const obedience = obeyStored(rollout, command, actor, now);
      if (obedience.kind === 'refused') {
        const answer = { kind: 'refused' as const, refusal: obedience.refusal, rollout, now };
        return { change: null, answer, remember: null };
      }
      if (obedience.kind === 'obeyedBefore')
        return { change: null, answer: { kind: 'accepted', rollout, now }, remember: null };
      const { rollout: after, events, nextAt } = obedience.decision;
      return {
        change: { rollout: after, events, nextAt },
        answer: { kind: 'accepted', rollout: after, now },
        remember: remember?.(after, now) ?? null,
      };
    },
  );
  if (answered.kind !== 'answered') return answered;
  return answered.answer.kind === 'succeeded'
    ? takeBack(deps, answered.answer.rollout, asked)
    : answered.answer;
}

/** The statuses of rollouts whose traffic stands, or may still move; and of those that have taken one back. */
const lasting: Status[] = [...liveStatuses, 'succeeded', 'rollback_failed'];
const telling: Status[] = [...lasting, 'rolled_back'];

async function takeBack(
  deps: ActDeps,
  rollout: Rollout,
  { command, actor, remember }: Act,
): Promise<ActAnswer> {
  const { mesh, rollouts, newId, deadline } = deps;
  if (command.action !== 'rollback') throw new Error('only a rollback takes a succeeded rollout back');
  const [view, since, now] = await Promise.all([
    mesh.look(rollout.target, deadline(lookMs)),
    rollouts.list({ moving: rollout.target, statuses: telling, limit: 200 }),
    rollouts.now(),
  ]);
  const succeeded = { rollout, newest: newestOn(rollout, since), view };
  const refusal = refusedTakeBack(succeeded, command);
  if (refusal !== null) return { kind: 'refused', refusal, rollout, now };
  const back = takingBack(succeeded, { id: newId(), reason: command.reason ?? null, by: actor, now });
  const created = await rollouts.create(back.rollout, [back.event], remember?.(back.rollout, now) ?? null);
  switch (created.kind) {
    case 'created':
      return { kind: 'accepted', rollout: back.rollout, now };
    case 'answeredBefore':
      return created;
    case 'taken': {
      const message = `Rollout ${created.by} is live on this VirtualService. Roll that one back first.`;
      return { kind: 'refused', refusal: { code: 'invalid-transition', message }, rollout, now };
    }
  }
}

/**
 * The newest rollout of the same route whose traffic stands, or may still move; null when there is none. One that was
 * taken back has left the route as it found it.
 */
function newestOn({ target: own }: Rollout, found: StoredRollout[]): Rollout | null {
  const begun = found
    .flatMap((other) => (isScheduled(other) ? [] : [other]))
    .filter(({ target }) => sharesRoute(own, target));
  const takenBack = new Set(
    begun.flatMap(({ state, rollbackOf }) => (state.kind === 'rolledBack' ? [rollbackOf] : [])),
  );
  // Ids tell when they were asked for; a scheduled one began later.
  const [newest = null] = begun
    .filter((other) => lasting.includes(statusOf(other)) && !takenBack.has(other.id))
    .sort((left, right) => begunAt(right) - begunAt(left));
  return newest;
}

/** True when both move the same route of the same VirtualService. */
function sharesRoute(one: Target, other: Target): boolean {
  const theirs = new Set(routesIn(other));
  return routesIn(one).some((route) => theirs.has(route));
}

function routesIn(target: Target): string[] {
  return objectsOf(target).flatMap(({ namespace, virtualService, routes }) =>
    routes.map(({ key }) =>
      JSON.stringify([target.cluster, namespace, virtualService, key.kind, routeLabel(key)]),
    ),
  );
}
