import { parseArgs } from 'node:util';
import { z } from 'zod';

export type JudgeReplayOptions = {
  /** Paths of the plan and of the recording. */
  plan: string;
  input: string;
  /** Null where it depends on who reads: a table at a terminal, lines of JSON elsewhere. */
  output: 'json' | 'table' | null;
};

export type JudgeReplayCommand =
  | { kind: 'judgeReplay'; options: JudgeReplayOptions }
  | { kind: 'help' }
  | { kind: 'misused'; why: string };

const options = {
  plan: { type: 'string' },
  input: { type: 'string' },
  json: { type: 'boolean' },
  table: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

const noPlan = { error: 'name the file with the plan: --plan=FILE' };
const noInput = { error: 'name the file with the recorded polls: --input=FILE' };

const Values = z
  .object({
    plan: z.string(noPlan).min(1, noPlan),
    input: z.string(noInput).min(1, noInput),
    json: z.boolean().default(false),
    table: z.boolean().default(false),
  })
  .refine(({ json, table }) => !(json && table), { error: 'take --json or --table, not both' });

/** Reads the arguments behind `canaryd judge`. */
export function readJudgeReplay(words: readonly string[]): JudgeReplayCommand {
  const parsed = parse(words);
  if (parsed === null) return misused('there is an option that judge replay does not know');
  const { values, positionals } = parsed;
  if (values.help === true) return { kind: 'help' };
  if (positionals.length !== 1 || positionals[0] !== 'replay') {
    return misused('the only command of judge is replay');
  }
  const read = Values.safeParse(values);
  if (!read.success) return misused(read.error.issues[0]?.message ?? 'an option is wrong');
  const { plan, input, json, table } = read.data;
  const asked = table ? 'table' : null;
  return { kind: 'judgeReplay', options: { plan, input, output: json ? 'json' : asked } };
}

function parse(words: readonly string[]) {
  try {
    return parseArgs({ args: [...words], options, allowPositionals: true });
  } catch {
    // Node's message quotes the argument, which may be a secret in the wrong place.
    return null;
  }
}

function misused(why: string): JudgeReplayCommand {
  return { kind: 'misused', why };
}
