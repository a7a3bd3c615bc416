import { parseArgs } from 'node:util';

export type Options = {
  minutes: number;
  /** Services that are released again and again, each one release at a time. */
  rollouts: number;
};

export const usage = `npm run soak -- [--minutes 10] [--rollouts 8]   two canaryd under releases, streams and readers
A line each 30 s goes to standard error, the table to standard output. Exit code 1: something grows
(told from 5 minutes on), or a release did not end.
`;

/** Shorter, and there would be no third to compare. */
const fewestMinutes = 1;

/** What the command line asks for; null when it cannot be read, or asks for help. */
export function readOptions(args: string[]): Options | null {
  try {
    const { values } = parseArgs({
      args,
      options: {
        minutes: { type: 'string', default: '10' },
        rollouts: { type: 'string', default: '8' },
        help: { type: 'boolean', default: false },
      },
    });
    const [minutes, rollouts] = [Number(values.minutes), Number(values.rollouts)];
    const isGood = minutes >= fewestMinutes && Number.isInteger(rollouts) && rollouts >= 1;
    return values.help || !isGood ? null : { minutes, rollouts };
  } catch {
    return null;
  }
}
