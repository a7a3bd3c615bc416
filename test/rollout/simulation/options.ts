import { parseArgs } from 'node:util';

/** What was asked for: many runs, one run with its trace, or what a wrong option is told. */
export type Options =
  | { kind: 'many'; from: number; count: number }
  | { kind: 'replay'; seed: number }
  | { kind: 'help' }
  | { kind: 'wrong'; why: string };

export const usage = `npm run simulate                            500 seeds, from 1
npm run simulate -- --seeds 10000 --from 1  as many seeds as you like
npm run simulate -- --seed 7                seed 7 once more, with its trace
Exit code 1: a promise was broken. 2: an option was wrong.
`;

const largest = 4_294_967_295;

/** Reads the command line; answers a sentence for what it does not understand. */
export function readOptions(args: string[]): Options {
  const read = parsed(args);
  if (typeof read === 'string') return { kind: 'wrong', why: read };
  if (read.help === true) return { kind: 'help' };
  const { seed, seeds, from } = read;
  if (seed !== undefined && (seeds !== undefined || from !== undefined))
    return { kind: 'wrong', why: '--seed replays one run: leave out --seeds and --from.' };
  const wrong = [faultIn('--seed', seed, 0), faultIn('--seeds', seeds, 1), faultIn('--from', from, 0)].find(
    (fault) => fault !== null,
  );
  if (wrong !== undefined) return { kind: 'wrong', why: wrong };
  if (seed !== undefined) return { kind: 'replay', seed: Number(seed) };
  return { kind: 'many', from: Number(from ?? 1), count: Number(seeds ?? 500) };
}

type Given = { seed?: string; seeds?: string; from?: string; help?: boolean };

function parsed(args: string[]): Given | string {
  const text = { type: 'string' } as const;
  try {
    const options = { seed: text, seeds: text, from: text, help: { type: 'boolean' } } as const;
    return parseArgs({ args, options }).values;
  } catch (error) {
    // Node's own sentence names the option.
    return error instanceof Error ? firstSentence(error.message) : 'The options cannot be read.';
  }
}

function firstSentence(text: string): string {
  return `${text.split(/\.\s|\n/)[0]?.replace(/\.$/, '') ?? text}.`;
}

function faultIn(option: string, text: string | undefined, least: number): string | null {
  if (text === undefined || (/^\d{1,10}$/.test(text) && isBetween(Number(text), least))) return null;
  return `${option} takes a whole number from ${least} to ${largest}, and not "${text}".`;
}

function isBetween(value: number, least: number): boolean {
  return value >= least && value <= largest;
}
