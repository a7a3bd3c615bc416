import { z } from 'zod';
import { didYouMean, quoted } from '../../known-names.ts';
import { currentStepOf } from '../../rollout/explain.ts';
import { hasEnded, isScheduled, type StoredRollout, statusOf } from '../../rollout/rollout.ts';

const words = ['terminal', 'paused', 'awaiting_approval', 'holding'] as const;
type Word = (typeof words)[number];

/** What a long poll waits for; `written` is how the caller wrote it. */
export type Condition =
  | { kind: 'status'; word: Word; written: string }
  | { kind: 'step'; index: number; written: string }
  | { kind: 'weight'; percent: number; written: string };

/** `waitFor=terminal,step:3`: the words, split and read. */
export const WaitFor = z
  .string()
  .transform((written, context) => {
    const conditions = written.split(',').map((one) => read(one.trim()));
    for (const condition of conditions) {
      if (typeof condition === 'string') context.addIssue({ ...fault, message: condition });
    }
    return conditions.filter((condition) => typeof condition !== 'string');
  })
  .describe(
    'Wait until one of these holds, separated by commas: `terminal`, `paused`, `awaiting_approval`, `holding`, `step:3` (`step.index` is 3 or more), `weight:25` (the applied weight is 25 % or more).',
  );

const fault = { code: 'custom', params: { code: 'not-one-of' } } as const;

export const WaitTimeout = z.coerce
  .number()
  .int()
  .min(1)
  .max(55)
  .default(50)
  .describe('Answer after so many seconds at the latest; only with `waitFor`.');

export const WaitOnWire = z
  .object({
    satisfied: z.boolean(),
    by: z.string().nullable().describe('The part of `waitFor` that holds; null when none does yet.'),
  })
  .meta({
    id: 'Wait',
    description: 'How the wait ended; only with `waitFor`. A rollout that has ended is answered at once.',
  });
export type Wait = z.output<typeof WaitOnWire>;

/** The first condition that holds, as the caller wrote it, or null. */
export function satisfiedBy(rollout: StoredRollout, conditions: readonly Condition[]): string | null {
  return conditions.find((condition) => holds(rollout, condition))?.written ?? null;
}

function holds(rollout: StoredRollout, condition: Condition): boolean {
  switch (condition.kind) {
    case 'status':
      return isIn(rollout, condition.word);
    case 'step':
      return stepReached(rollout) >= condition.index;
    case 'weight':
      return !isScheduled(rollout) && rollout.traffic.applied >= condition.percent;
  }
}

function isIn(rollout: StoredRollout, word: Word): boolean {
  return word === 'terminal' ? hasEnded(rollout) : statusOf(rollout) === word;
}

/** A rollout that succeeded has reached every step; one that goes back has none. */
function stepReached(rollout: StoredRollout): number {
  if (rollout.state.kind === 'succeeded') return rollout.plan.steps.length;
  return currentStepOf(rollout)?.index ?? -1;
}

/** The condition, or a sentence about what is wrong with it. */
function read(written: string): Condition | string {
  const word = words.find((one) => one === written);
  if (word !== undefined) return { kind: 'status', word, written };
  const step = /^step:(\d{1,3})$/.exec(written)?.[1];
  if (step !== undefined) return { kind: 'step', index: Number(step), written };
  const weight = /^weight:(\d{1,3}(?:\.\d{1,2})?)$/.exec(written)?.[1];
  if (weight !== undefined && Number(weight) <= 100)
    return { kind: 'weight', percent: Number(weight), written };
  return sentenceFor(written);
}

function sentenceFor(written: string): string {
  const forms = `write ${quoted(words)}, "step:<index>" or "weight:<percent>", separated by commas`;
  return didYouMean(written, words) ?? forms;
}
