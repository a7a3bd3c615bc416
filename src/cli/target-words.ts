import { parseArgs } from 'node:util';
import { z } from 'zod';
import { type Asked, ask, printable, refused } from './client.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import { complain, sayNext, type Terminal, wrapped } from './terminal.ts';

/** The lines of help for the options that choose the roles. */
export const rolesHelp = [
  'Options:',
  '  --cluster <name>  its name in the configuration of canaryd; "default"',
  '  --route <name>    the http route, when there are several',
  '  --canary <name>   the subset or host of it, when several have no traffic',
];

/** What follows the words of a command that asks about a target. */
export const targetParameters = '<namespace>/<virtual-service> [options]';

const options = {
  cluster: { type: 'string', default: 'default' },
  route: { type: 'string' },
  canary: { type: 'string' },
} as const;

type Read<Answer> = { kind: 'read'; name: string; answer: Answer } | { kind: 'failed'; exit: ExitCode };

/** Asks about the surroundings of the target that was typed: its `part`, such as `checklist`. Says why when it cannot. */
export async function readOfTarget<Schema extends z.ZodType>(
  args: string[],
  { part, schema }: { part: 'checklist' | 'mtls'; schema: Schema },
  terminal: Terminal,
): Promise<Read<z.output<Schema>>> {
  const { positionals, values } = parseArgs({ args, options, allowPositionals: true });
  const [named = '', ...more] = positionals;
  const [namespace = '', virtualService = '', ...rest] = named.split('/');
  if (namespace === '' || virtualService === '' || rest.length > 0 || more.length > 0) {
    const next = `canaryd ${part} payments/payment-service`;
    complain(terminal, 'name one VirtualService with its namespace.', next);
    return { kind: 'failed', exit: exitCodes.usage };
  }
  const { cluster, ...roles } = values;
  const place = [cluster, namespace, virtualService].map(encodeURIComponent).join('/');
  const query = new URLSearchParams(z.record(z.string(), z.string()).parse(roles)).toString();
  const asked = await ask(terminal, { method: 'GET', path: `/v1/targets/${place}/${part}`, query });
  return answerIn(printable(named), asked, schema, terminal);
}

/** More than one destination could be the canary: what was typed does not say which. */
const Ambiguous = z.looseObject({ type: z.literal('/problems/canary-ambiguous') });

function answerIn<Schema extends z.ZodType>(
  name: string,
  asked: Asked,
  schema: Schema,
  terminal: Terminal,
): Read<z.output<Schema>> {
  if (asked.kind === 'failed') return asked;
  const found = asked.answer.status === 200 ? schema.safeParse(asked.answer.body) : null;
  if (found?.success === true) return { kind: 'read', name, answer: found.data };
  const exit = refused(terminal, name, asked.answer);
  if (!Ambiguous.safeParse(asked.answer.body).success) return { kind: 'failed', exit };
  sayNext(terminal, 'the same with --canary and one of these names');
  return { kind: 'failed', exit: exitCodes.usage };
}

/** One line or, where it is too long, a paragraph whose other lines begin with `indent` spaces. */
export function lineOf(text: string, indent: number): string {
  return `${wrapped(printable(text), indent)}\n`;
}
