import { parseArgs } from 'node:util';
import { z } from 'zod';
import { KubernetesName, ObjectName } from '../rollout/units.ts';

export type BreakGlassOptions = {
  namespace: string;
  name: string;
  kubeconfig: string | null;
  context: string | null;
  dryRun: boolean;
  yes: boolean;
  json: boolean;
  reason: string | null;
};

export type BreakGlassCommand =
  | { kind: 'breakGlass'; options: BreakGlassOptions }
  | { kind: 'help' }
  | { kind: 'misused'; why: string };

const options = {
  'virtual-service': { type: 'string' },
  kubeconfig: { type: 'string' },
  context: { type: 'string' },
  'dry-run': { type: 'boolean' },
  yes: { type: 'boolean', short: 'y' },
  json: { type: 'boolean' },
  reason: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

const Name = z
  .string()
  .transform((text) => text.split('/'))
  .pipe(z.tuple([KubernetesName, ObjectName]));

/** It goes into one line of a record and onto a terminal. */
const Reason = z
  .string()
  .trim()
  .min(1)
  .max(500)
  .regex(/^\P{Cc}*$/u);

/** Reads the arguments behind `canaryd break-glass`. */
export function readBreakGlass(words: readonly string[]): BreakGlassCommand {
  const parsed = parse(words);
  if (parsed === null) return misused('there is an option that break-glass does not know');
  const { values, positionals } = parsed;
  if (values.help === true) return { kind: 'help' };
  if (positionals.length !== 1 || positionals[0] !== 'rollback') {
    return misused('the only command of break-glass is rollback');
  }
  const name = Name.safeParse(values['virtual-service']);
  if (!name.success) return misused('name the object: --virtual-service=NAMESPACE/NAME');
  const reason = Reason.optional().safeParse(values.reason);
  if (!reason.success) return misused('--reason is one line of 1 to 500 characters');
  const blank = (['kubeconfig', 'context'] as const).find((option) => values[option] === '');
  if (blank !== undefined) return misused(`--${blank} is empty`);
  return {
    kind: 'breakGlass',
    options: {
      namespace: name.data[0],
      name: name.data[1],
      kubeconfig: values.kubeconfig ?? null,
      context: values.context ?? null,
      dryRun: values['dry-run'] === true,
      yes: values.yes === true,
      json: values.json === true,
      reason: reason.data ?? null,
    },
  };
}

function parse(words: readonly string[]) {
  try {
    return parseArgs({ args: [...words], options, allowPositionals: true });
  } catch {
    // Node's message quotes the argument, which may be a secret in the wrong place.
    return null;
  }
}

function misused(why: string): BreakGlassCommand {
  return { kind: 'misused', why };
}
