import type { EventSeen, RolloutSeen } from '../client.ts';
import type { faults } from '../scenarios.ts';
import type { Decision, Poll } from '../screen/state.ts';
import { type StepEnd, stepEndIn } from './clock.ts';

export type Fault = keyof typeof faults;

/** What the live view remembers between two looks at canaryd. */
export type Memory = {
  /** The version that has all traffic before the next release. */
  stable: string;
  release: RolloutSeen | null;
  /** Events of the present release. */
  events: EventSeen[];
  /** When the present step ends, as canaryd said last, and which it is; null before it said so. */
  stepEnd: StepEnd | null;
  polls: Poll[];
  decisions: Decision[];
  /** What was broken about the canary, and since when Prometheus stands still. */
  faults: ReadonlySet<Fault>;
  frozenSinceMs: number | null;
  /** True while the AuthorizationPolicy lets the callers reach stable only. */
  leavesCanaryOut: boolean;
  /** What went wrong between us and canaryd; null when it answers. */
  trouble: string | null;
  isStarting: boolean;
  /** Whether somebody asked how to reach canaryd: that has a secret in it. */
  showsAccess: boolean;
};

const keptPolls = 300;
const keptDecisions = 100;

/** Events that say little to somebody who watches; why it went back was said when it began to. */
const quiet = new Set(['rollout.scheduled', 'weight.intended', 'step.completed', 'rollout.rolled_back']);

export function firstMemory(stable: string): Memory {
  return {
    stable,
    release: null,
    events: [],
    stepEnd: null,
    polls: [],
    decisions: [],
    faults: new Set(),
    frozenSinceMs: null,
    leavesCanaryOut: false,
    trouble: null,
    isStarting: false,
    showsAccess: false,
  };
}

/** A new release: what was seen of the last one makes room, its decisions stay. */
export function withRelease(memory: Memory, release: RolloutSeen): Memory {
  return {
    ...memory,
    release,
    stable: release.versions.stable,
    events: [],
    stepEnd: null,
    polls: [],
    trouble: null,
    isStarting: false,
  };
}

/** What one look found. An answer about an earlier release is none. */
export function withSight(memory: Memory, seen: RolloutSeen, events: EventSeen[]): Memory {
  if (memory.release?.id !== seen.id) return memory;
  const known = memory.events.at(-1)?.seq ?? 0;
  const fresh = events.filter(({ seq }) => seq > known);
  const told = fresh
    .filter(({ type }) => !quiet.has(type))
    .map(({ at, message }) => ({ at, by: 'canaryd' as const, text: message }));
  return {
    ...memory,
    release: seen,
    stable: seen.status === 'succeeded' ? seen.versions.canary : seen.versions.stable,
    events: [...memory.events, ...fresh],
    stepEnd: stepEndIn(seen, memory.stepEnd),
    polls: withPoll(memory.polls, seen),
    decisions: inOrder([...memory.decisions, ...told]),
    trouble: null,
  };
}

/** Something that was done here. */
export function withDeed(memory: Memory, at: string, text: string): Memory {
  return { ...memory, decisions: inOrder([...memory.decisions, { at, by: 'you', text }]) };
}

/** Events are told of a little after they happened; what was done here meanwhile keeps its place in time. */
function inOrder(decisions: Decision[]): Decision[] {
  return decisions.toSorted((one, other) => Date.parse(one.at) - Date.parse(other.at)).slice(-keptDecisions);
}

function withPoll(polls: Poll[], { checks, weight }: RolloutSeen): Poll[] {
  const at = checks
    .map(({ measuredAt }) => measuredAt ?? '')
    .reduce((last, one) => (one > last ? one : last), '');
  if (at === '' || at === polls.at(-1)?.at) return polls;
  const found = checks.map(({ id, canary, stable, verdict }) => ({
    id,
    canary: canary?.value ?? null,
    stable: stable?.value ?? null,
    requests: canary?.requests ?? null,
    verdict,
  }));
  return [...polls, { at, share: weight.applied, checks: found }].slice(-keptPolls);
}
