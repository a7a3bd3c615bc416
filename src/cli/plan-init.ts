import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import type { z } from 'zod';
import { codeOf } from '../errors.ts';
import { ask, printable, refused } from './client.ts';
import type { Command } from './command.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import { readinessOf, routeIn, Target, type Wanted } from './init-target.ts';
import { rolloutFile } from './rollout-file.ts';
import { complain, type Terminal } from './terminal.ts';

/** `canaryd plan init`. */
export const planInit: Command = {
  words: ['plan', 'init'],
  parameters: '--virtual-service <namespace>/<name> [options]',
  summary: 'Reads a VirtualService and writes a rollout to start with.',
  help: [
    'Options:',
    '  --cluster <name>  its name in the configuration of canaryd; "default"',
    '  --route <name>    the http route, when there are several',
    '  --canary <name>   the subset or host to go to, when several have no traffic',
    '  --out <file>      what to write; rollout.yaml, or - for the terminal',
    '  --force           writes over a file that is there',
  ],
  asksServer: true,
  run: init,
};

const options = {
  'virtual-service': { type: 'string' },
  cluster: { type: 'string', default: 'default' },
  route: { type: 'string' },
  canary: { type: 'string' },
  out: { type: 'string', default: 'rollout.yaml' },
  force: { type: 'boolean', default: false },
} as const;

async function init(args: string[], terminal: Terminal): Promise<ExitCode> {
  const { values } = parseArgs({ args, options });
  const wanted = wantedIn(values, terminal);
  if (wanted === null) return exitCodes.usage;
  const { out, force } = values;
  if (!force && out !== '-' && existsSync(out)) return refuseOverwrite(out, terminal);
  const target = await read(wanted, terminal);
  if ('exit' in target) return target.exit;
  const route = routeIn(target.data, wanted, terminal);
  if (route === null) return exitCodes.usage;
  const found = readinessOf(target.data, route, wanted);
  if (found.kind === 'unfit') {
    complain(terminal, printable(found.why), printable(found.next));
    return found.exit;
  }
  const text = rolloutFile(
    { ...wanted, route: route.name, ...found.arms },
    out === '-' ? 'rollout.yaml' : out,
  );
  if (out === '-') {
    terminal.out(text);
    return exitCodes.done;
  }
  return write(out, text, { force, terminal });
}

function wantedIn(
  values: { 'virtual-service'?: string; cluster: string; route?: string; canary?: string },
  terminal: Terminal,
): Wanted | null {
  const [namespace = '', virtualService = '', ...more] = (values['virtual-service'] ?? '').split('/');
  if (namespace === '' || virtualService === '' || more.length > 0) {
    const next = 'canaryd plan init --virtual-service payments/payment-service';
    complain(terminal, 'name the VirtualService with its namespace.', next);
    return null;
  }
  const { cluster, route = null, canary = null } = values;
  return { cluster, namespace, virtualService, route, canary };
}

type Read = { data: z.output<typeof Target> } | { exit: ExitCode };

async function read({ cluster, namespace, virtualService }: Wanted, terminal: Terminal): Promise<Read> {
  const path = `/v1/targets/${[cluster, namespace, virtualService].map(encodeURIComponent).join('/')}`;
  const asked = await ask(terminal, { method: 'GET', path });
  if (asked.kind === 'failed') return asked;
  const target = asked.answer.status === 200 ? Target.safeParse(asked.answer.body) : null;
  if (target?.success === true) return target;
  return { exit: refused(terminal, printable(`${namespace}/${virtualService}`), asked.answer) };
}

async function write(
  file: string,
  text: string,
  { force, terminal }: { force: boolean; terminal: Terminal },
): Promise<ExitCode> {
  try {
    await writeFile(file, text, { flag: force ? 'w' : 'wx' });
  } catch (error) {
    const code = codeOf(error) ?? 'unknown reason';
    if (code === 'EEXIST') return refuseOverwrite(file, terminal);
    complain(terminal, `${printable(file)} cannot be written: ${code}.`, 'name another file with --out');
    return exitCodes.usage;
  }
  terminal.out(`${printable(file)} is written: a target and a plan, with comments.\n`);
  terminal.out(`  next: canaryd plan validate ${printable(file)}\n`);
  return exitCodes.done;
}

function refuseOverwrite(file: string, terminal: Terminal): ExitCode {
  const what = `${printable(file)} is there already, and is left as it is.`;
  complain(terminal, what, 'add --force to write over it, or --out <another file>');
  return exitCodes.usage;
}
