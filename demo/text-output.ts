import { styleText } from 'node:util';
import type { Stack } from '../local/stack.ts';
import { accessTo, doctorOf } from './access.ts';
import type { CheckSeen } from './client.ts';
import type { Listener, Result } from './play.ts';
import { scenarios } from './scenarios.ts';

/** What the demo tells, in whatever form. */
export type Output = Listener & {
  preparing(text: string): void;
  ready(stack: Stack, seconds: number): void;
  ended(result: Result, stack: Pick<Stack, 'api'>): void;
  summary(results: Result[]): void;
  staysUp(stack: Stack, results: Result[]): void;
  stopped(): void;
  /** Called last when something went wrong that no release is to blame for. */
  failed(text: string): void;
};

/** Events that say little to somebody who watches. */
const quiet = new Set([
  'rollout.scheduled',
  'weight.intended',
  'step.completed',
  // The result says the same and more.
  'rollout.rolled_back',
  'rollout.succeeded',
]);
const width = 78;

/** The demo in plain lines that fit 80 columns. */
export function textOutput(): Output {
  return {
    preparing: (text) => print(styleText('dim', text)),
    ready: (stack, seconds) => {
      print(`Ready after ${seconds.toFixed(1)} s. Four releases of payment-service follow.`);
      print('Limits: 5xx ratio 1 %, P99 2000 ms; measured every 2 s over 6 s.');
      print('To look for yourself meanwhile, in another terminal:');
      print(...accessTo(stack).map((command) => `  ${command}`));
    },
    started: (scenario) => {
      const place = scenarios.indexOf(scenario) + 1;
      print('', styleText('bold', `${place} of ${scenarios.length}  ${scenario.name}: ${scenario.title}`));
    },
    happened: (_scenario, event) => {
      if (quiet.has(event.type)) return;
      wrapped(label(event.at, event.type.replace(/^rollout\./, '')), event.message);
    },
    waiting: (_scenario, what, at) => wrapped(label(at, 'waiting'), what),
    measured: (_scenario, checks, at) =>
      wrapped(label(at, 'checks'), `${checks.map(inWords).join(', ')}, ${requestsOf(checks)}`),
    ended: (result, stack) => sayResult(result, stack),
    summary: sayTable,
    stopped: () => print('', 'Stopped; nothing is left running.'),
    // Standard error has it already.
    failed: () => undefined,
    staysUp: (stack, results) => sayCurl(stack, results),
  };
}

function label(at: string, what: string): string {
  return `${at.slice(11, 19)}Z ${what.padEnd(14)} `;
}

function inWords({ id, canary, unit, verdict }: CheckSeen): string {
  const value = canary?.value ?? null;
  const seen = value === null ? (canary?.kind ?? 'none').replace('_', ' ') : measured(value, unit);
  return verdict === 'fail' ? styleText('red', `${id} ${seen} FAIL`) : `${id} ${seen}`;
}

function requestsOf(checks: CheckSeen[]): string {
  return `${Math.round(checks[0]?.canary?.requests ?? 0)} requests`;
}

function sayResult(result: Result, { api }: Pick<Stack, 'api'>): void {
  const mark = result.asExpected ? styleText('green', 'as it should') : styleText('red', 'NOT as it should');
  print(`${styleText('bold', `  ${result.status.replace('_', ' ')}`)} after ${result.seconds} s, ${mark}`);
  wrapped('  why      ', result.what);
  wrapped('  traffic  ', result.traffic);
  if (result.breachToStableSeconds !== null) {
    wrapped(
      '  users    ',
      `${result.breachToStableSeconds} s from the first bad second to the last request on the canary`,
    );
  }
  print(
    styleText(
      'dim',
      `  curl -H "Authorization: Bearer $TOKEN" \\\n    ${api}/v1/rollouts/${result.rollout}/events`,
    ),
  );
}

function sayTable(results: Result[]): void {
  print(
    '',
    styleText('bold', 'release   ended         check              value      limit  requests  exposed'),
  );
  for (const result of results) {
    const { scenario, status, check, cause, requests, breachToStableSeconds } = result;
    const cells = [
      scenario.padEnd(9),
      status.padEnd(13),
      (check ?? cause ?? '').padEnd(18),
      measured(result.value, result.unit).padStart(8),
      measured(result.limit, result.unit).padStart(9),
      (requests === null ? '' : String(Math.round(requests))).padStart(9),
      (breachToStableSeconds === null ? '' : breachToStableSeconds.toFixed(1)).padStart(8),
    ];
    print(cells.join(' ').trimEnd());
  }
  print('exposed: seconds from the first bad second to the last request on the canary');
}

function measured(value: number | null, unit: string | null): string {
  if (value === null) return '';
  if (unit === 'ratio') return `${Number((value * 100).toFixed(2))} %`;
  if (unit === 'ms') return `${Math.round(value)} ms`;
  return `${Math.round(value)} ${value === 1 ? (unit ?? '').replace(/s$/, '') : (unit ?? '')}`.trim();
}

function sayCurl(stack: Stack, results: Result[]): void {
  const last = results.at(-1)?.rollout ?? '';
  print('', 'Everything stays up until Ctrl-C. Look further in another terminal:', '');
  print(...accessTo(stack).map((command) => `  ${command}`), '');
  print('  curl -s -H "Authorization: Bearer $TOKEN" "$API/v1/rollouts"');
  print(
    '  curl -s -H "Authorization: Bearer $TOKEN" -H "Accept: text/plain" \\',
    `    "$API/v1/rollouts/${last}/status"`,
  );
  print('  curl -s -H "Authorization: Bearer $TOKEN" "$API/v1/audit"');
  print(`  Prometheus: ${stack.prometheusUrl}/graph`);
  print('', 'To see what canaryd says of its own configuration, in the folder of the project:', '');
  print(...doctorOf(stack).map((command) => `  ${command}`));
}

/** Prints text behind a label, wrapped so that it fits 80 columns. */
function wrapped(label: string, text: string): void {
  const indent = ' '.repeat(label.length);
  let line = label;
  for (const word of text.split(' ')) {
    if (line.length + word.length > width && line.trim() !== label.trim()) {
      print(line.trimEnd());
      line = indent;
    }
    line += `${word} `;
  }
  print(line.trimEnd());
}

function print(...lines: string[]): void {
  for (const line of lines) process.stdout.write(`${line}\n`);
}
