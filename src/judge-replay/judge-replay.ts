import { readFile } from 'node:fs/promises';
import { faultLine, printable } from '../cli/client.ts';
import { wrapped } from '../cli/terminal.ts';
import { codeOf } from '../errors.ts';
import { type Replay, replay } from '../rollout/replay/replay.ts';
import { type File, type FileFault, placeOf, planIn, recordingIn } from './files.ts';
import type { JudgeReplayOptions } from './options.ts';
import { tableOf } from './table.ts';

/** What the program has of the outside; `isTerminal` where a person reads what goes out. */
export type Surroundings = { out: (text: string) => void; err: (text: string) => void; isTerminal: boolean };

/** What the program ends with; the same numbers as in the command line client. */
const ends = { done: 0, usage: 2, rolledBack: 3, invalid: 6 } as const;
type End = (typeof ends)[keyof typeof ends];

/**
 * Lets both judges look at recorded polls, and prints what they say of each and of all. Asks nobody.
 * @returns the exit code, which says whether the judge of the plan would have rolled back
 */
export async function judgeReplay(options: JudgeReplayOptions, around: Surroundings): Promise<End> {
  const files = { plan: await readText(options.plan), input: await readText(options.input) };
  for (const { file, why } of Object.values(files)) {
    if (why !== null) return misused(around, `${file} cannot be read: ${why}; see that the path is right`);
  }
  const plan = planIn(files.plan);
  if (plan.kind === 'faulty') return refuse(around, plan.file, plan.faults);
  const recording = recordingIn(files.input);
  if (recording.kind === 'faulty') return refuse(around, recording.file, recording.faults);
  const replayed = replay(plan.value, recording.value);
  if (replayed.kind === 'unfit') return refuseBoth(around, replayed.faults, files);
  const isTable = options.output === null ? around.isTerminal : options.output === 'table';
  around.out(isTable ? tableOf(replayed, recording.value.polls) : jsonLines(replayed));
  return replayed.verdict[plan.value.judge].rollback === null ? ends.done : ends.rolledBack;
}

function jsonLines({ polls, verdict }: Extract<Replay, { kind: 'replayed' }>): string {
  return [...polls, { verdict }].map((line) => `${JSON.stringify(line)}\n`).join('');
}

/** The text is empty where the file cannot be read. */
type TextRead = File & { why: string | null };

async function readText(path: string): Promise<TextRead> {
  const file = printable(path);
  try {
    return { file, text: await readFile(path, 'utf8'), why: null };
  } catch (error) {
    return { file, text: '', why: codeOf(error) ?? 'unknown reason' };
  }
}

function misused({ err }: Surroundings, why: string): End {
  err(`${wrapped(`canaryd: ${why}`, 2)}\n`);
  return ends.usage;
}

function refuse({ err }: Surroundings, file: string, faults: readonly FileFault[]): End {
  err(`${wrapped(`canaryd: ${file} cannot be replayed:`, 2)}\n`);
  for (const { pointer, detail } of faults) err(faultLine(pointer, detail));
  return ends.invalid;
}

function refuseBoth(
  around: Surroundings,
  faults: Extract<Replay, { kind: 'unfit' }>['faults'],
  files: Record<'plan' | 'input', File>,
): End {
  for (const name of ['plan', 'input'] as const) {
    const own = faults.filter(({ file }) => file === name);
    const placed = own.map(({ path, message }) => ({ pointer: placeOf(path), detail: message }));
    if (placed.length > 0) refuse(around, files[name].file, placed);
  }
  return ends.invalid;
}
