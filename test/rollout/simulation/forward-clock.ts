import type { State } from '../../../src/rollout/state.ts';
import { isPersonsPause } from '../../../src/rollout/wait.ts';

/**
 * Measures from outside for how long a rollout has been on its way forward: neither while people are waited for, nor
 * while a hold order stands, nor once all traffic was won.
 */
export function forwardClock(start: number) {
  let total = 0;
  let since = start;
  let isForward = false;
  let isStopped = false;

  function runTo(now: number): void {
    if (isForward && !isStopped) total += now - since;
    since = now;
  }

  return {
    ms: (now: number) => total + (isForward && !isStopped ? now - since : 0),
    see(state: State, now: number): void {
      runTo(now);
      isForward = isOnItsWay(state);
      if (state.kind === 'preflight') total = 0;
    },
    setStopped(stopped: boolean, now: number): void {
      runTo(now);
      isStopped = stopped;
    },
  };
}

function isOnItsWay(state: State): boolean {
  if (state.kind === 'paused') return !isPersonsPause(state.reason);
  if (state.kind === 'holding') return state.reason.kind !== 'killSwitch';
  return state.kind === 'running';
}
