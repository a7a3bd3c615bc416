import type { Poll } from '../../analysis/sequential/poll.ts';
import type { ManagedRoute } from '../managed-route.ts';
import type { Plan } from '../plan.ts';
import { blindWindows } from '../plan-faults.ts';
import type { Step } from '../plan-parts.ts';
import { routesAfter } from '../route-steps.ts';
import { isSameShare, type Share } from '../units.ts';
import type { RecordedPoll, Recording } from './recording.ts';

/** A share of a plan, for how many seconds it is baked, and the managed routes that stand meanwhile. */
export type Stage = { share: Share; bakeSeconds: number; managed: ManagedRoute[] };

/** A recorded poll with its place in the plan; `index` is its own among the polls. */
export type Placed = { index: number; poll: RecordedPoll; stage: Stage } & Pick<Poll, 'step' | 'stepSeconds'>;

/** Why a plan and a recording do not go together: `path` begins at the file named. */
export type Unfit = { file: 'plan' | 'input'; path: (string | number)[]; message: string };

/**
 * Each poll with its step: a step begins when the share changes, at the poll before. How long it is to last says the plan
 * at this share, the next one of it where the plan comes to a share twice. A share of 0, as after a rollback, has a place
 * in every plan.
 */
export function placedIn(plan: Plan, recording: Recording): Placed[] | Unfit[] {
  const stages = stagesOf(plan.steps);
  const faults = unfitIn(plan, recording, stages);
  if (faults.length > 0) return faults;
  const placed: Placed[] = [];
  let began = 0;
  let step = 0;
  let reached = 0;
  for (const [index, poll] of recording.polls.entries()) {
    const before = recording.polls[index - 1];
    if (before !== undefined && !isSameShare(before.share, poll.share)) {
      began = before.at;
      step += 1;
    }
    const found = stageFrom(stages, reached, poll.share);
    reached = found ?? reached;
    const stage = stages[found ?? -1] ?? atRest(stages);
    placed.push({ index, poll, stage, step, stepSeconds: poll.at - began });
  }
  return placed;
}

/** True for what `placedIn` answers when plan and recording do not go together. */
export function areUnfit(found: Placed[] | Unfit[]): found is Unfit[] {
  const [first] = found;
  return first !== undefined && 'file' in first;
}

/** The shares of a plan in their order. What comes before the first weight counts only where it is baked. */
export function stagesOf(steps: readonly Step[]): Stage[] {
  const stages: Stage[] = [{ share: 0, bakeSeconds: 0, managed: [] }];
  for (const [index, step] of steps.entries()) {
    const share = shareOf(step);
    const isOther = share !== null && !isSameShare(share, stages.at(-1)?.share ?? 0);
    if (isOther) stages.push({ share, bakeSeconds: 0, managed: [] });
    const stage = stages.at(-1);
    if (stage === undefined) continue;
    stage.bakeSeconds += bakeSecondsOf(step);
    stage.managed = routesAfter(steps.slice(0, index + 1));
  }
  return stages.filter(({ share, bakeSeconds }) => share > 0 || bakeSeconds > 0);
}

function shareOf(step: Step): Share | null {
  if (step.type === 'setWeight') return step.weight;
  return step.type === 'promote' ? 100 : null;
}

function bakeSecondsOf(step: Step): number {
  if (step.type === 'bake') return step.duration;
  return step.type === 'promote' ? (step.bake ?? 0) : 0;
}

function stageFrom(stages: readonly Stage[], reached: number, share: Share): number | null {
  const isIt = (one: Stage) => isSameShare(one.share, share);
  const ahead = stages.findIndex((one, index) => index >= reached && isIt(one));
  const anywhere = ahead === -1 ? stages.findIndex(isIt) : ahead;
  return anywhere === -1 ? null : anywhere;
}

/** Without a share there is nothing to bake, and nothing is late. */
function atRest(stages: readonly Stage[]): Stage {
  const bakeSeconds = Math.max(...stages.map((one) => one.bakeSeconds));
  return { share: 0, bakeSeconds, managed: [] };
}

function unfitIn(plan: Plan, { scrapeSeconds, boundsMs, polls }: Recording, stages: Stage[]): Unfit[] {
  const windows = blindWindows(plan, scrapeSeconds).map(({ path, message }): Unfit => {
    return { file: 'plan', path, message };
  });
  const latency = Object.entries(plan.checks).find(([, { metric }]) => metric === 'p99LatencyMs');
  if (latency === undefined || boundsMs.length > 0) return [...windows, ...strangeShares(polls, stages)];
  const message = `the plan's check ${latency[0]} judges latency: record a histogram, or take the check out of the plan`;
  return [...windows, { file: 'input', path: ['boundsMs'], message }, ...strangeShares(polls, stages)];
}

/** Told once for each share. */
function strangeShares(polls: readonly RecordedPoll[], stages: readonly Stage[]): Unfit[] {
  const known = stages.map(({ share }) => `${share} %`).join(', ');
  const told = new Set<Share>();
  return polls.flatMap(({ share }, index) => {
    if (share === 0 || told.has(share) || stageFrom(stages, 0, share) !== null) return [];
    told.add(share);
    const message = `the plan has no step at ${share} %, but at ${known}: give it one, or replay with the plan of this rollout`;
    return [{ file: 'input', path: ['polls', index, 'share'], message } as const];
  });
}
