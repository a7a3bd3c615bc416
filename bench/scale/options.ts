import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

export type Options = {
  rollouts: number;
  /** How long a run is measured, once every rollout is on its way. */
  seconds: number;
  workers: number;
  findLargest: boolean;
  /** A folder for the first worker's CPU profile; null for none. */
  profile: string | null;
};

export const usage = `npm run bench:scale -- --rollouts 100 --seconds 30   so many live rollouts, measured for so long
  --workers W        canaryd processes (1)
  --find-largest     the most rollouts whose turns are less than 1 s late in 99 of 100, begun at --rollouts
  --profile FOLDER   keeps a CPU profile of the first canaryd there
Progress goes to standard error, tables to standard output. Exit code 1: a rollout did what it should not have done.
`;

/** Shorter, and not every rollout would come to its next weight. */
const fewestSeconds = 30;

/** What the command line asks for; null when it cannot be read, or asks for help. */
export function readOptions(args: string[]): Options | null {
  try {
    const { values } = parseArgs({
      args,
      options: {
        rollouts: { type: 'string', default: '100' },
        seconds: { type: 'string', default: '30' },
        workers: { type: 'string', default: '1' },
        'find-largest': { type: 'boolean', default: false },
        profile: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    });
    const [rollouts, seconds, workers] = [values.rollouts, values.seconds, values.workers].map(Number);
    const profile = values.profile === undefined ? null : resolve(values.profile);
    if (values.help || !isWhole(rollouts, 1) || !isWhole(seconds, fewestSeconds) || !isWhole(workers, 1))
      return null;
    return { rollouts, seconds, workers, findLargest: values['find-largest'], profile };
  } catch {
    return null;
  }
}

function isWhole(value: number | undefined, least: number): value is number {
  return Number.isInteger(value) && value !== undefined && value >= least;
}
