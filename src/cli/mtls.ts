import { z } from 'zod';
import type { Command } from './command.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import { lineOf, readOfTarget, rolesHelp, targetParameters } from './target-words.ts';
import type { Terminal } from './terminal.ts';
import { clock } from './timeline.ts';

function known<Schema extends z.ZodType>(value: Schema) {
  return z.looseObject({ why: z.string().nullable(), mend: z.string().nullable(), value: value.nullable() });
}

const decision = {
  mode: z.string(),
  decidedBy: z
    .looseObject({ kind: z.string(), namespace: z.string().nullable(), name: z.string() })
    .nullable(),
};
type Decision = z.output<z.ZodObject<typeof decision>>;
const Modes = known(
  z.array(z.looseObject({ ...decision, ports: z.array(z.looseObject({ port: z.number(), ...decision })) })),
);
const Plaintext = known(
  z.looseObject({
    ratio: z.number().nullable(),
    sources: z.array(
      z.looseObject({
        workload: z.string(),
        namespace: z.string(),
        plaintextPerSecond: z.number(),
        plaintextRatio: z.number().nullable(),
      }),
    ),
  }),
);
const Certificates = known(
  z.looseObject({
    ttlSeconds: z.number(),
    pods: z.array(z.looseObject({ pod: z.string(), arm: z.string(), secondsLeft: z.number() })),
  }),
);
const MutualTls = z.looseObject({
  checkedAt: z.string(),
  modes: z.looseObject({ stable: Modes, canary: Modes }),
  plaintext: Plaintext,
  certificates: Certificates,
});

/** `canaryd mtls <namespace>/<virtual-service>`. */
export const mtls: Command = {
  words: ['mtls'],
  parameters: targetParameters,
  summary: 'Mutual TLS around a target: modes, who comes in plaintext, certificates.',
  help: [
    ...rolesHelp,
    '',
    'Reads the mesh and the metrics, and judges nothing: `canaryd checklist` does.',
    'What could not be read is unknown, with why. Exit code 0 when it is answered.',
  ],
  asksServer: true,
  run,
};

async function run(args: string[], terminal: Terminal): Promise<ExitCode> {
  const found = await readOfTarget(args, { part: 'mtls', schema: MutualTls }, terminal);
  if (found.kind === 'failed') return found.exit;
  const { checkedAt, modes, plaintext, certificates } = found.answer;
  terminal.out(lineOf(`${found.name}: mutual TLS, ${checkedAt}`, 2));
  const lines = [
    ...sectionOf('Stable accepts', modes.stable, linesOfModes),
    ...sectionOf('The canary accepts', modes.canary, linesOfModes),
    ...sectionOf('Requests in plaintext', plaintext, linesOfPlaintext),
    ...sectionOf('Certificates of the proxies', certificates, linesOfCertificates),
  ];
  for (const line of lines) terminal.out(line);
  return exitCodes.done;
}

type Known<Value> = { why: string | null; mend: string | null; value: Value | null };

function sectionOf<Value>(
  title: string,
  { why, mend, value }: Known<Value>,
  lines: (value: Value) => string[],
): string[] {
  if (value !== null) return [`\n${title}:\n`, ...lines(value).map((line) => lineOf(`  ${line}`, 4))];
  const mended = mend === null ? [] : [lineOf(`  mend: ${mend}`, 4)];
  return [`\n${title}:\n`, lineOf(`  unknown: ${why ?? 'no reason was given'}`, 4), ...mended];
}

function linesOfModes(modes: NonNullable<z.output<typeof Modes>['value']>): string[] {
  if (modes.length === 0) return ['nothing is known of its pods'];
  return modes.flatMap((mode) => [
    said(mode),
    ...mode.ports.map((port) => `at port ${port.port}: ${said(port)}`),
  ]);
}

function said({ mode, decidedBy }: Decision): string {
  if (decidedBy === null) return `${mode}, the default of Istio: no PeerAuthentication says otherwise`;
  const { kind, namespace, name } = decidedBy;
  return `${mode} by ${kind} ${namespace === null ? '' : `${namespace}/`}${name}`;
}

function linesOfPlaintext({ ratio, sources }: NonNullable<z.output<typeof Plaintext>['value']>): string[] {
  const plain = sources.filter(({ plaintextPerSecond }) => plaintextPerSecond > 0);
  return [
    ratio === null ? 'there are no requests' : `${percent(ratio)} of all`,
    ...plain.map(
      ({ namespace, workload, plaintextPerSecond, plaintextRatio }) =>
        `${namespace}/${workload}: ${Number(plaintextPerSecond.toPrecision(3))} a second, ${percent(plaintextRatio ?? 0)} of what it sends`,
    ),
  ];
}

function linesOfCertificates({
  ttlSeconds,
  pods,
}: NonNullable<z.output<typeof Certificates>['value']>): string[] {
  return [
    `one lives ${clock(ttlSeconds)}; left are`,
    ...pods.map(({ pod, arm, secondsLeft }) => `${left(secondsLeft)}  ${pod} (${arm})`),
  ];
}

function left(seconds: number): string {
  return (seconds <= 0 ? 'ended' : clock(Math.floor(seconds))).padStart(9);
}

function percent(ratio: number): string {
  return `${Number((ratio * 100).toPrecision(3))} %`;
}
