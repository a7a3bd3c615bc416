import * as because from './because.ts';
import { type Decision, decided, event, inState } from './decision.ts';
import type { Finding } from './finding.ts';
import type { Carriers } from './identity.ts';
import type { SplitView } from './ports/mesh.ts';
import { type Cause, canaryd } from './reasons.ts';
import type { Rollout } from './rollout.ts';
import * as say from './say.ts';
import { closingWrite } from './sight.ts';
import type { In } from './state.ts';
import type { Millis } from './units.ts';

export type HandingOver = In<'handingOver'>;

/** A turn of a handover whose split was read. */
export type HandoverTurn = {
  rollout: Rollout;
  state: HandingOver;
  view: SplitView;
  finding: Finding;
  now: Millis;
};

/** A handover that waits this long for people is somebody's business. */
const patienceMs = 24 * 3_600_000;

/** Weights would bring users from the new images to the new images: they stay, and somebody is told. */
export function noWayBack({ rollout, state, view, now }: HandoverTurn, breach: Cause): Decision {
  const stuck = inState(rollout, { ...state, breach });
  const write = closingWrite(rollout, view);
  if (state.breach !== null) return decided(stuck, { write });
  const message = `no way back by weights, because stable runs the canary's images: ${because.cause(breach, canaryd)}; type: ${say.undo(rollout)}; ${say.traffic(rollout)}`;
  const facts = { cause: breach };
  const events = [event('rollout.no_way_back', message, facts), event('page', message, facts)];
  return decided(stuck, { events, write, nextAt: now + rollout.plan.interval * 1000 });
}

/** Waits on, and tells somebody once when that has taken too long. */
export function stay(
  rollout: Rollout & { state: HandingOver },
  write: Decision['write'],
  now: Millis,
): Decision {
  const { state } = rollout;
  if (state.paged || now - state.since < patienceMs) return decided(rollout, { write });
  const message = `the handover has waited for ${say.seconds((now - state.since) / 1000)}: ${state.waitingFor ?? 'its bake has not passed'}; ${say.traffic(rollout)}`;
  return decided(inState(rollout, { ...state, paged: true }), { events: [event('page', message)], write });
}

/** How many of stable's ready pods run the canary's images already, in words. */
export function partly({ target }: Rollout, { carrying, ready }: Carriers): string {
  return `${carrying} of ${ready} ready pods of ${target.stable.version} (stable) run the canary's images`;
}
