import { parseArgs } from 'node:util';
import { z } from 'zod';
import { type BreakGlassCommand, readBreakGlass } from './break-glass/options.ts';
import { type JudgeReplayCommand, readJudgeReplay } from './judge-replay/options.ts';
import { type PlanLimitsCommand, readPlanLimits } from './plan-limits/options.ts';
import { readTrafficPreview, type TrafficPreviewCommand } from './traffic-preview/options.ts';

/** What the command line asks for. `role` is checked with the rest of the configuration. */
export type CommandLine =
  | { kind: 'serve'; role: string | null }
  | { kind: 'doctor'; json: boolean; target: { namespace: string; name: string } | null }
  | BreakGlassCommand
  | JudgeReplayCommand
  | PlanLimitsCommand
  | TrafficPreviewCommand;

export const usage = `usage: canaryd [serve] [--role=all|api|worker]
       canaryd doctor [--json] [--target=NAMESPACE/VIRTUALSERVICE]
       canaryd break-glass rollback --virtual-service=NAMESPACE/NAME
       canaryd traffic preview --virtual-service=FILE --target=FILE --weight=N
       canaryd judge replay --plan=FILE --input=FILE [--json | --table]
       canaryd plan limits --rules=FILE [--rule=NAME]...

serve    answers requests and takes turns until it is stopped (the default)
doctor   checks the configuration and everything it leads to, and changes
         nothing; where a setting is wrong it checks the others
         --json    one line of JSON instead of text
         --target  asks for the rights on one VirtualService instead of those
                   in all namespaces

break-glass rollback
         takes the canary's traffic back on a VirtualService that a rollout
         moves, with Kubernetes credentials alone
         --kubeconfig=PATH  else CANARYD_KUBECONFIG, KUBECONFIG, ~/.kube/config,
                            and in a pod its service account
         --context=NAME     a context of that kubeconfig
         --dry-run          prints the patch and writes nothing
         --yes              does not ask
         --reason=TEXT      why, for the record
         --json             one line of JSON for the record; words go to stderr

traffic preview
         prints what canaryd would make of a VirtualService in a file; asks
         nobody. FILE may be - for the standard input
         -o, --output=FORMAT    yaml (the object as it would stand), patch (the
                                JSON Patch) or json (shares, patch and object)
         --cluster-domain=NAME  in which short host names are completed;
                                cluster.local without it

judge replay
         lets both judges look at recorded polls, and says when each would roll
         back; asks nobody
         --json   a line of JSON for each poll, then one with both verdicts: the
                  default where nobody sits at a terminal
         --table  a table and two sentences: the default at a terminal

plan limits
         prints alert rules of a file (or of a PrometheusRule) as checks of a
         plan, and says of each other one why it is none; asks nobody
         --rule=NAME  one alert, or GROUP/ALERT; all without it

Exit codes of doctor: 0 nothing has to be mended, 1 something has to be mended,
2 usage.
Exit codes of break-glass: 0 the canary has no traffic, read back (or a dry
run), 1 not confirmed, 2 usage, 6 nothing there that it can take back, 7 another
rollout moves the object, 10 the canary may still have traffic, 11 not allowed,
12 the API server was not reached.
Exit codes of traffic preview: 0 printed, 2 usage, 6 refused: the path and the
mend go to stderr.
Exit codes of judge replay: 0 the sequential judge rolls nothing back, 2 usage,
3 it would have rolled back, 6 the plan or the recording is wrong.
Exit codes of plan limits: 0 every rule is a check, 2 usage, or a rule is none,
6 the file is wrong.

Settings of serve and doctor come from the environment and from the file that
CANARYD_CONFIG names.
`;

const options = {
  role: { type: 'string' },
  json: { type: 'boolean' },
  target: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

const allowed = new Map<string, readonly string[]>([
  ['serve', ['role']],
  ['doctor', ['json', 'target']],
]);

/** Commands of several words, by the first one. */
const readers = new Map<string, (words: readonly string[]) => CommandLine>([
  ['break-glass', readBreakGlass],
  ['judge', readJudgeReplay],
  ['plan', readPlanLimits],
  ['traffic', readTrafficPreview],
]);

const Target = z
  .string()
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?\/[a-z0-9]([-.a-z0-9]*[a-z0-9])?$/)
  .transform((text) => text.split('/'));

/** Reads the arguments behind the program's name. */
export function readCommandLine(words: readonly string[]): CommandLine {
  const reader = readers.get(words[0] ?? '');
  if (reader !== undefined) return reader(words.slice(1));
  const parsed = parse(words);
  if (parsed === null) return { kind: 'misused', why: 'there is an option that canaryd does not know' };
  const { values, positionals } = parsed;
  const [command = 'serve', ...rest] = positionals;
  if (values.help === true) return { kind: 'help' };
  const known = allowed.get(command);
  if (known === undefined || rest.length > 0)
    return {
      kind: 'misused',
      why: 'the commands are serve, doctor, break-glass rollback, traffic preview, judge replay and plan limits',
    };
  const foreign = Object.keys(values).find((name) => !known.includes(name));
  if (foreign !== undefined) return { kind: 'misused', why: `${command} takes no --${foreign}` };
  if (command === 'serve') return { kind: 'serve', role: values.role ?? null };
  return doctorFrom(values.json === true, values.target);
}

function parse(words: readonly string[]) {
  try {
    return parseArgs({ args: [...words], options, allowPositionals: true });
  } catch {
    // Node's message quotes the argument, which may be a secret in the wrong place.
    return null;
  }
}

function doctorFrom(json: boolean, target: string | undefined): CommandLine {
  if (target === undefined) return { kind: 'doctor', json, target: null };
  const [namespace, name] = Target.safeParse(target).data ?? [];
  if (namespace === undefined || name === undefined) {
    return { kind: 'misused', why: '--target is written NAMESPACE/VIRTUALSERVICE' };
  }
  return { kind: 'doctor', json, target: { namespace, name } };
}
