import { slowerThan } from '../../analysis/sequential/histogram.ts';
import { judgeSettingsOf } from '../judge-settings.ts';
import type { Plan } from '../plan.ts';
import { enforcedIn } from '../plan-parts.ts';
import type { Recording } from './recording.ts';
import { lookSequentially, openSequential, type SequentialLine, sequentialSentence } from './sequential.ts';
import { areUnfit, type Placed, placedIn, type Unfit } from './stages.ts';
import { lookByThreshold, openThreshold, type ThresholdLine, thresholdSentence } from './threshold.ts';

/** A judge that had rolled back at an earlier poll: it would have had nothing to judge any more. */
type RolledBack = { decision: 'rolledBack'; at: number };

/** What both judges said of one poll; `at` in seconds, `share` in percent. */
export type PollLine = {
  at: number;
  share: number;
  threshold: ThresholdLine | RolledBack;
  sequential: SequentialLine | RolledBack;
};

/** What one judge made of all polls. */
export type JudgeVerdict = {
  /** The poll at which it would have rolled back: seconds, the number of the step from 0, and the share in percent. */
  rollback: { at: number; step: number; share: number } | null;
  /**
   * The canary's bad requests until then, or until the end: failed ones, and those slower than the plan's limit of the
   * P99; null where the plan has none.
   */
  badRequests: { failed: number; slow: number | null };
  sentence: string;
};

export type Replay =
  | {
      kind: 'replayed';
      polls: PollLine[];
      verdict: { threshold: JudgeVerdict; sequential: JudgeVerdict };
    }
  | { kind: 'unfit'; faults: Unfit[] };

/**
 * Lets both judges look at the same polls, each until it rolls back. The shares are those of the recording: what a judge
 * would have done beside rolling back is said and not followed.
 */
export function replay(plan: Plan, recording: Recording): Replay {
  const placed = placedIn(plan, recording);
  if (areUnfit(placed)) return { kind: 'unfit', faults: placed };
  const settings = judgeSettingsOf(plan);
  const threshold = looksOf(placed, {
    open: openThreshold(plan, recording),
    look: (rollout, one) => lookByThreshold(rollout, one, recording),
    after: ({ rollout }) => rollout,
  });
  const sequential = looksOf(placed, {
    open: openSequential(recording, settings),
    look: (state, one) => lookSequentially(state, one, settings),
    after: ({ state }) => state,
  });
  return {
    kind: 'replayed',
    polls: placed.map(({ poll: { at, share }, index }) => ({
      at,
      share,
      threshold: threshold[index]?.line ?? rolledBackAt(placed, threshold),
      sequential: sequential[index]?.line ?? rolledBackAt(placed, sequential),
    })),
    verdict: {
      threshold: verdictOn(placed, threshold, { plan, recording, sentence: thresholdSentence }),
      sequential: verdictOn(placed, sequential, {
        plan,
        recording,
        sentence: (look, one) => sequentialSentence(look, one, settings),
      }),
    },
  };
}

type Look = { line: { decision: string } };

/** A judge as a fold: what it knows before the first poll, and after each. */
type Judge<State, Seen> = {
  open: State;
  look: (state: State, placed: Placed) => Seen;
  after: (seen: Seen) => State;
};

/** One look a poll, the last one where the judge rolls back. */
function looksOf<State, Seen extends Look>(placed: readonly Placed[], judge: Judge<State, Seen>): Seen[] {
  const looks: Seen[] = [];
  let state = judge.open;
  for (const one of placed) {
    const seen = judge.look(state, one);
    looks.push(seen);
    if (seen.line.decision === 'rollback') break;
    state = judge.after(seen);
  }
  return looks;
}

function rolledBackAt(placed: readonly Placed[], looks: readonly Look[]): RolledBack {
  return { decision: 'rolledBack', at: placed[looks.length - 1]?.poll.at ?? 0 };
}

type Told<Seen> = { plan: Plan; recording: Recording; sentence: (seen: Seen, placed: Placed) => string };

function verdictOn<Seen extends Look>(
  placed: readonly Placed[],
  looks: readonly Seen[],
  { plan, recording, sentence }: Told<Seen>,
): JudgeVerdict {
  const seen = looks.at(-1);
  const last = placed[looks.length - 1];
  if (seen === undefined || last === undefined) throw new Error('a recording has at least one poll');
  const { poll, step } = last;
  const isOver = seen.line.decision === 'rollback';
  return {
    rollback: isOver ? { at: poll.at, step, share: poll.share } : null,
    badRequests: badRequestsIn(plan, recording, looks.length),
    sentence: sentence(seen, last),
  };
}

function badRequestsIn(
  { checks }: Plan,
  { polls, boundsMs }: Recording,
  count: number,
): JudgeVerdict['badRequests'] {
  const limits = Object.values(enforcedIn(checks)).flatMap(({ metric, max }) =>
    metric === 'p99LatencyMs' ? [max] : [],
  );
  const limitMs = limits.length === 0 ? null : Math.min(...limits);
  const canary = polls.slice(0, count).flatMap((poll) => poll.canary ?? []);
  const sum = (counts: readonly number[]) => Math.round(counts.reduce((total, one) => total + one, 0));
  return {
    failed: sum(canary.map(({ errors }) => errors)),
    slow: limitMs === null ? null : sum(canary.map(({ buckets }) => slowerThan(boundsMs, buckets, limitMs))),
  };
}
