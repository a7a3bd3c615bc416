import { percent } from '../analysis/sequential/figures.ts';
import { wrapped } from '../cli/terminal.ts';
import type { RecordedPoll } from '../rollout/replay/recording.ts';
import type { JudgeVerdict, PollLine, Replay } from '../rollout/replay/replay.ts';

type Replayed = Extract<Replay, { kind: 'replayed' }>;

/** One row a poll and what each judge made of all, in lines of at most 80 columns. */
export function tableOf({ polls, verdict }: Replayed, recorded: readonly RecordedPoll[]): string {
  const rows = polls.map((line, index) => rowOf(line, recorded[index]));
  const verdicts = [
    ...verdictLines('threshold', verdict.threshold),
    ...verdictLines('sequential', verdict.sequential),
  ];
  return [...heads, ...rows, ...verdicts].map((line) => `${line.trimEnd()}\n`).join('');
}

const widths = { at: 6, share: 8, rate: 8, threshold: 18, sequential: 20 };

const heads = [
  `${' '.repeat(widths.at + widths.share)}${'5xx of'.padStart(widths.rate)}`,
  cells({ at: 's', share: 'share', canary: 'canary', stable: 'stable' }, [
    'threshold',
    'sequential',
    'evidence',
  ]),
];

type Left = { at: string; share: string; canary: string; stable: string };

function cells(left: Left, [threshold, sequential, evidence]: [string, string, string]): string {
  const { at, share, canary, stable } = left;
  return [
    at.padStart(widths.at),
    share.padStart(widths.share),
    canary.padStart(widths.rate),
    stable.padStart(widths.rate),
    `  ${threshold.padEnd(widths.threshold)}`,
    `  ${sequential.padEnd(widths.sequential)}`,
    evidence,
  ].join('');
}

function rowOf({ at, share, threshold, sequential }: PollLine, recorded: RecordedPoll | undefined): string {
  const left = {
    at: String(Math.round(at)),
    share: `${share} %`,
    canary: rateOf(recorded?.canary ?? null),
    stable: rateOf(recorded?.stable ?? null),
  };
  const evidence = 'evidence' in sequential ? inWords(sequential.evidence) : '';
  return cells(left, [wordsFor(threshold), wordsFor(sequential), evidence]);
}

function rateOf(arm: { requests: number; errors: number } | null): string {
  if (arm === null) return '-';
  if (arm.requests === 0) return 'none';
  const rate = arm.errors / arm.requests;
  return rate > 0 && rate < 0.0001 ? '< .01 %' : percent(rate);
}

/** Evidence in at most 6 characters. */
function inWords(evidence: number): string {
  if (evidence >= 1e6) return evidence >= 1e9 ? '> 1e9' : evidence.toExponential(0).replace('+', '');
  if (evidence >= 10) return String(Math.round(evidence));
  return evidence < 0.01 ? '< 0.01' : evidence.toPrecision(2);
}

type Ruled = PollLine['threshold'] | PollLine['sequential'];

function wordsFor(ruled: Ruled): string {
  if (ruled.decision === 'rolledBack') return 'rolled back';
  const { decision, reason } = ruled;
  if (decision === 'continue' || decision === 'inconclusive') return decision;
  return `${decision} ${short[reason] ?? reason}`.trim();
}

/** What does not fit a column. */
const short: Partial<Record<Exclude<Ruled, { decision: 'rolledBack' }>['reason'], string>> = {
  canaryUnreachable: 'unreached',
  checksPassed: '',
  environmentLimit: 'outage',
  metricsMissing: 'no data',
  noData: 'no data',
  noTraffic: 'no traffic',
  provenHealthy: 'proven',
  severeErrors: 'severe',
  trafficMismatch: 'mismatch',
};

function verdictLines(judge: string, { rollback, badRequests, sentence }: JudgeVerdict): string[] {
  const { failed, slow } = badRequests;
  const slowly = slow === null ? '' : `, ${slow} over the limit of the P99`;
  const end =
    rollback === null
      ? 'rolls nothing back'
      : `rolls back after ${rollback.at} s at ${rollback.share} % (step ${rollback.step + 1})`;
  const until = rollback === null ? 'in all' : 'until then';
  return [
    '',
    wrapped(`${judge}: ${end}; of the canary's requests ${until} ${failed} failed${slowly}.`, 2),
    wrapped(`  ${sentence}`, 2),
  ];
}
