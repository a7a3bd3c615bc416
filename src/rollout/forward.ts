import { event, inState } from './decision.ts';
import { type Forward, gate } from './gate.ts';
import { type Obedience, obeyed, ontoRunning, refused } from './obedience.ts';
import type { Actor } from './reasons.ts';
import type { Rollout } from './rollout.ts';
import * as say from './say.ts';
import type { Millis } from './units.ts';
import { ontoNextStep, type Running } from './walk.ts';

/** Skips the rest of a step's time; what is not proven yet only with an override and a reason. */
export function advance(rollout: Rollout, command: Forward, actor: Actor, now: Millis): Obedience {
  const refusal = gate(rollout, command);
  if (refusal !== null) return refused(refusal);
  const running = ontoRunning(rollout, now);
  const message = `step ${running.state.position.step + 1} ended early by ${actor.name}`;
  const skipped = event('step.skipped', message, overridden(command), actor);
  const next = ontoNextStep(running, now, command.override !== undefined);
  return obeyed(rollout, next.rollout, [skipped, ...next.events], now);
}

/** Goes to the last step; to somebody who promotes while stable is watched after a handover, it ends the rollout. */
export function promote(rollout: Rollout, command: Forward, actor: Actor, now: Millis): Obedience {
  const refusal = gate(rollout, command);
  if (refusal !== null) return refused(refusal);
  if (rollout.state.kind === 'handingOver') return endHandover(rollout, command, actor, now);
  const running = ontoRunning(rollout, now);
  const promoted = inLastStep(running, command.override !== undefined, now);
  const promoting = event(
    'rollout.promoting',
    `promoting to 100 % on the word of ${actor.name}`,
    overridden(command),
    actor,
  );
  return obeyed(rollout, promoted, [promoting], now);
}

function endHandover(rollout: Rollout, command: Forward, actor: Actor, now: Millis): Obedience {
  const ended = inState(rollout, { kind: 'succeeded', at: now });
  const message = `succeeded on the word of ${actor.name}, who did not wait for the watch of stable: ${say.traffic(ended)}`;
  return obeyed(rollout, ended, [event('rollout.succeeded', message, overridden(command), actor)], now);
}

/** In the last step, with its bake; to somebody who promotes while it bakes at 100 % the bake is over. */
function inLastStep(running: Running, overridden: boolean, now: Millis): Running {
  const { plan, state, traffic } = running;
  const last = plan.steps.length - 1;
  const isThere = state.position.step === last;
  const startedAt = isThere ? state.position.startedAt : now;
  const bakeEnded = isThere && traffic.applied === 100;
  return {
    ...running,
    state: { kind: 'running', position: { step: last, startedAt, overridden, bakeEnded } },
  };
}

function overridden({ override, reason }: Forward): Record<string, string[] | string> {
  return { ...(override === undefined ? {} : { override }), ...(reason === undefined ? {} : { reason }) };
}
