import { hasEnded } from '../client.ts';
import { minutes } from '../screen/numbers.ts';
import type { ScreenState } from '../screen/state.ts';
import { clockOf, reachedStep } from './clock.ts';
import { bindings } from './keys.ts';
import type { Memory } from './memory.ts';
import { brokenWords, policyWords } from './world.ts';

export type Look = { colour: boolean; ascii: boolean };

/** Commands for another terminal; they are shown on request only. */
export type Access = readonly string[];

/** What the screen shows of what is remembered. */
export function screenStateOf(
  memory: Memory,
  { look, access = [] }: { look: Look; access?: Access },
  nowMs: number,
): ScreenState {
  const { release, events, polls, decisions, trouble } = memory;
  return {
    ...look,
    release,
    reached: reachedStep(events),
    clock: release === null ? null : clockOf({ release, events, stepEnd: memory.stepEnd }, nowMs),
    polls,
    decisions,
    broken: brokenThings(memory, nowMs),
    notice: trouble ?? (memory.isStarting ? 'Starting a release ...' : null),
    access: memory.showsAccess ? [...access] : [],
    keys: bindings(memory).map(({ key, label, whyNot }) => ({ key, label, isOpen: whyNot === null })),
  };
}

function brokenThings(memory: Memory, nowMs: number): string[] {
  const { release, faults, frozenSinceMs, stable } = memory;
  const versions = [...faults].map(
    (fault) => `${release?.versions.canary ?? 'the canary'}: ${brokenWords[fault]}.`,
  );
  const policy = memory.leavesCanaryOut
    ? [`${policyWords(stable)}: canaryd starts no release that would lose its callers. a mends it.`]
    : [];
  const canary = [...versions, ...policy];
  if (frozenSinceMs === null) return canary;
  const since = `Prometheus stands still for ${minutes((nowMs - frozenSinceMs) / 1000)}`;
  const hasUsers = release !== null && !hasEnded(release) && release.weight.applied > 0;
  const follows = hasUsers
    ? 'canaryd holds the weight, pages at 3 min without metrics and rolls back at 15 min. b mends it.'
    : 'canaryd moves nobody to a canary that it cannot measure. b mends it.';
  return [...canary, `${since}: ${follows}`];
}
