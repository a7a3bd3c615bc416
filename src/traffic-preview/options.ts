import { parseArgs } from 'node:util';
import { z } from 'zod';
import { Share } from '../rollout/units.ts';

export type TrafficPreviewOptions = {
  /** Paths; `-` is the standard input, for one of the two. */
  virtualService: string;
  target: string;
  weight: Share;
  output: 'yaml' | 'patch' | 'json';
  /** The cluster's DNS domain, in which short host names are completed. */
  clusterDomain: string;
};

export type TrafficPreviewCommand =
  | { kind: 'trafficPreview'; options: TrafficPreviewOptions }
  | { kind: 'help' }
  | { kind: 'misused'; why: string };

const options = {
  'virtual-service': { type: 'string' },
  target: { type: 'string' },
  weight: { type: 'string' },
  output: { type: 'string', short: 'o' },
  'cluster-domain': { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

const wrongWeight = { error: '--weight is 0 to 100 in steps of 0.01, such as 5 or 0.25' };
const noObject = { error: 'name the file with the object: --virtual-service=FILE' };
const noTarget = { error: 'name the file with the target: --target=FILE' };
const wrongDomain = { error: '--cluster-domain is a DNS domain, such as cluster.local' };

const Values = z
  .object({
    'virtual-service': z.string(noObject).min(1, noObject),
    target: z.string(noTarget).min(1, noTarget),
    weight: z
      .string(wrongWeight)
      .regex(/^\d{1,3}(\.\d{1,10})?$/, wrongWeight)
      .transform(Number)
      .refine((weight) => Share.safeParse(weight).success, wrongWeight),
    output: z.enum(['yaml', 'patch', 'json'], { error: '-o is yaml, patch or json' }).default('yaml'),
    'cluster-domain': z
      .string()
      .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/, wrongDomain)
      .default('cluster.local'),
  })
  .refine((values) => values['virtual-service'] !== '-' || values.target !== '-', {
    error: 'only one of the two files can be -',
  });

/** Reads the arguments behind `canaryd traffic`. */
export function readTrafficPreview(words: readonly string[]): TrafficPreviewCommand {
  const parsed = parse(words);
  if (parsed === null) return misused('there is an option that traffic preview does not know');
  const { values, positionals } = parsed;
  if (values.help === true) return { kind: 'help' };
  if (positionals.length !== 1 || positionals[0] !== 'preview') {
    return misused('the only command of traffic is preview');
  }
  const read = Values.safeParse(values);
  if (!read.success) return misused(read.error.issues[0]?.message ?? 'an option is wrong');
  const { 'virtual-service': virtualService, 'cluster-domain': clusterDomain, ...rest } = read.data;
  return { kind: 'trafficPreview', options: { ...rest, virtualService, clusterDomain } };
}

function parse(words: readonly string[]) {
  try {
    return parseArgs({ args: [...words], options, allowPositionals: true });
  } catch {
    // Node's message quotes the argument, which may be a secret in the wrong place.
    return null;
  }
}

function misused(why: string): TrafficPreviewCommand {
  return { kind: 'misused', why };
}
