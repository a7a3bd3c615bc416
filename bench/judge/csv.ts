import { harmOf, medianDelay } from './figures.ts';
import { wordsOf } from './service.ts';
import type { Tally } from './tally.ts';

/** Every figure of every scenario and judge, a line each. */
export function csvOf(tallies: readonly Tally[]): string {
  const lines = tallies.map((tally) => [
    tally.scenario.name,
    tally.scenario.regression === null ? 'healthy' : 'regressed',
    tally.judge,
    tally.rollouts,
    tally.rolledBack,
    tally.early,
    tally.missed,
    finite(medianDelay(tally)),
    harmOf(tally).toFixed(3),
    (tally.exposed / tally.rollouts).toFixed(1),
    [...tally.why].map(([metric, times]) => `${metric} ${times}`).join('; '),
    wordsOf(tally.scenario),
  ]);
  return [head, ...lines].map((line) => `${line.map(quoted).join(',')}\n`).join('');
}

const head = [
  'scenario',
  'canary',
  'judge',
  'rollouts',
  'rolled_back',
  'early',
  'missed',
  'median_delay_seconds',
  'harm_per_rollout',
  'exposed_per_rollout',
  'why',
  'service',
];

/** Empty where there is none, or where it is never. */
function finite(value: number): string {
  return Number.isFinite(value) ? String(value) : '';
}

function quoted(cell: string | number): string {
  const text = String(cell);
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
