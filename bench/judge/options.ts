import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { healthy, regressed } from './scenarios.ts';

export type Options = {
  seed: number;
  /** Names of scenarios, and `battery`. */
  chosen: string[];
  /** Of each named scenario; of each service of the battery 60 at most. */
  rollouts: number;
  /** A file for the figures of every scenario and service; null for none. */
  csv: string | null;
};

export const usage = `npm run bench:judge -- --seed 11      every scenario and the battery
  --only N4,R9      some of N1 to N9, R1 to R13, battery
  --rollouts 400    of each scenario; of each service of the battery 60 at most
  --csv FILE        also writes every figure of every scenario, service and judge
Progress goes to standard error, tables to standard output. Exit code 1: a gate is not met.
`;

/** What the command line asks for; null when it cannot be read, or asks for help. */
export function readOptions(args: string[]): Options | null {
  try {
    const { values } = parseArgs({
      args,
      options: {
        seed: { type: 'string', default: '11' },
        only: { type: 'string' },
        rollouts: { type: 'string', default: '400' },
        csv: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    });
    const [seed, rollouts] = [Number(values.seed), Number(values.rollouts)];
    const known = [...healthy, ...regressed].map(({ name }) => name).concat('battery');
    const chosen = values.only?.split(',') ?? known;
    const areSound = Number.isInteger(seed) && Number.isInteger(rollouts) && rollouts >= 1;
    if (values.help || !areSound || !chosen.every((name) => known.includes(name))) return null;
    return { seed, chosen, rollouts, csv: values.csv === undefined ? null : resolve(values.csv) };
  } catch {
    return null;
  }
}
