import { table } from '../markdown.ts';
import { batteryTable } from './battery.ts';
import { harmOf, medianDelay, missedRate, rolledBackRate, type Summary } from './figures.ts';
import { type Gate, verdictOn } from './gates.ts';
import { type Scenario, wordsOf } from './service.ts';
import { settingTable } from './setting.ts';
import type { Speed } from './speed.ts';
import type { Tally } from './tally.ts';

/** From what everything is drawn. */
export function distributionsOf(scenarios: readonly Scenario[]): string {
  const rows = scenarios.map((scenario) => [scenario.name, scenario.about, wordsOf(scenario)]);
  return [
    part('Setting', table(['what', 'how'], settingTable)),
    part('Scenarios', table(['', 'about', 'service'], rows)),
    part('Battery', table(['what', 'how it is drawn'], batteryTable)),
  ].join('\n');
}

/** Each scenario a row, each judge a column. */
export function scenariosOf(tallies: readonly Tally[]): string {
  const healthy = tallies.filter(({ scenario }) => scenario.regression === null);
  const regressed = tallies.filter(({ scenario }) => scenario.regression !== null);
  return [
    grid('Healthy canaries rolled back', healthy, (tally) => percent(rolledBackRate(tally))),
    grid('Median delay from onset to rollback', regressed, delayWords),
    grid('Harm: bad requests that the canary caused, a rollout', regressed, (tally) => number(harmOf(tally))),
    grid('Exposed: requests to the worse canary, a rollout', regressed, (tally) =>
      number(tally.exposed / tally.rollouts),
    ),
    grid('Rolled back before the regression began', regressed, (tally) =>
      percent(tally.early / tally.rollouts),
    ),
    part('What led back', table(['', 'canaryd'], whys(tallies))),
  ].join('\n');
}

/** Each judge a row. */
export function batteryWords(summaries: readonly Summary[]): string {
  const rows = summaries.map((summary) => [
    summary.judge,
    `${percent(summary.falseRate)} (${summary.falseRollbacks} of ${summary.healthyRollouts})`,
    percent(summary.falseP95),
    percent(summary.falseWorst),
    percent(summary.missedRate),
    `${number(summary.medianDelay)} s`,
    times(summary.harmRatio),
    times(summary.harmRatioFound),
  ]);
  const head = [
    'judge',
    'false rollbacks',
    'p95 service',
    'worst',
    'missed',
    'median delay',
    'harm, of ours',
  ];
  return part('Battery', table([...head, 'where both find'], rows));
}

export function gatesWords(gates: readonly Gate[]): string {
  const rows = gates.map((gate) => {
    const { about, figure, bound, is, unit } = gate;
    const said = (value: number) => `${Number.isFinite(value) ? number(value) : 'never'} ${unit}`;
    return [
      about,
      figure === null ? '' : said(figure),
      `${is === 'most' ? '<=' : '>='} ${said(bound)}`,
      verdictOn(gate),
    ];
  });
  return part('Gates', table(['', 'figure', 'bound', 'verdict'], rows));
}

export function speedWords({ poll, open }: Speed): string {
  return `\nOne poll of one rollout: ${number(poll)} us. Its half hour of history, once: ${number(open)} us.`;
}

function grid(title: string, tallies: readonly Tally[], cell: (tally: Tally) => string): string {
  const judges = [...new Set(tallies.map(({ judge }) => judge))];
  const names = [...new Set(tallies.map(({ scenario }) => scenario.name))];
  const rows = names.map((name) => {
    const own = tallies.filter(({ scenario }) => scenario.name === name);
    const cells = judges.map((judge) =>
      own
        .filter((tally) => tally.judge === judge)
        .map(cell)
        .join(''),
    );
    return [`${name} ${own[0]?.scenario.about ?? ''}`, ...cells];
  });
  return rows.length === 0 ? '' : part(title, table(['', ...judges], rows));
}

function whys(tallies: readonly Tally[]): string[][] {
  return tallies
    .filter(({ judge, why }) => judge === 'canaryd' && why.size > 0)
    .map(({ scenario, why }) => [
      scenario.name,
      [...why].map(([metric, count]) => `${metric} ${count}`).join(', '),
    ]);
}

function delayWords(tally: Tally): string {
  const [delay, missed] = [medianDelay(tally), missedRate(tally)];
  const part = missed === 0 ? '' : ` (${percent(missed)} missed)`;
  return `${Number.isFinite(delay) ? `${number(delay)} s` : 'never'}${part}`;
}

function part(title: string, text: string): string {
  return `\n### ${title}\n\n${text}`;
}

function percent(ratio: number): string {
  return `${number(100 * ratio)} %`;
}

function times(ratio: number): string {
  return `${number(ratio)} x`;
}

/** Two digits after the point below 10, one below 100. */
function number(value: number): string {
  if (value >= 100) return value.toFixed(0);
  return String(Number(value.toFixed(value < 10 ? 2 : 1)));
}
