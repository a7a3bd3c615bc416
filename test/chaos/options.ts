import { parseArgs } from 'node:util';
import { z } from 'zod';
import { protections } from './protections.ts';

export const usage = `usage: npm run chaos -- [--seed N] [--seconds S] [--workers W]
                    [--without fence|resource-version|closing-write|sweep]
                    [--aim fence|resource-version|closing-write|sweep]

Real PostgreSQL, Redis and Prometheus, a simulated mesh and W workers (4), with
faults for S seconds (60). Exit code 1 when a promise was broken. --without
takes a protection out and aims all faults at the gap behind it: then promises
have to break. --aim aims at it with the protection in place.
`;

const Options = z.object({
  seed: z.coerce.number().int().min(0).default(1),
  seconds: z.coerce.number().min(1).default(60),
  workers: z.coerce.number().int().min(1).default(4),
  without: z.enum(protections).nullable().default(null),
  aim: z.enum(protections).nullable().default(null),
});
export type Options = z.infer<typeof Options>;

/** What the command line asks for, or null when it cannot be understood. */
export function readOptions(args: string[]): Options | null {
  try {
    const { values } = parseArgs({
      args,
      options: {
        seed: { type: 'string' },
        seconds: { type: 'string' },
        workers: { type: 'string' },
        without: { type: 'string' },
        aim: { type: 'string' },
      },
    });
    const options = Options.safeParse(values).data ?? null;
    return options === null ? null : { ...options, aim: options.aim ?? options.without };
  } catch {
    return null;
  }
}
