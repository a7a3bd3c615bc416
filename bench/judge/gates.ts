import { medianDelay, rolledBackRate, type Summary } from './figures.ts';
import type { Tally } from './tally.ts';

/** `figure` is null where what it is about was not played. */
export type Gate = {
  about: string;
  figure: number | null;
  bound: number;
  is: 'most' | 'least';
  unit: '%' | 's' | 'x';
};

export type Verdict = 'met' | 'NOT MET' | 'not measured';

/** canaryd's own tallies of the named scenarios, and what each peer did with the battery, by the peer's name. */
export type Played = {
  named: readonly Tally[];
  battery: Summary | null;
  peers: readonly Summary[];
};

/** Every promise about this judge, with the figure of this run. */
export function gatesOf({ named, battery, peers }: Played): Gate[] {
  const usual = named.filter(({ scenario }) => /^N[1-8]$/.test(scenario.name));
  const worst = usual.length === 0 ? null : Math.max(...usual.map(rolledBackRate));
  const percent = (ratio: number | null | undefined) => (ratio == null ? null : 100 * ratio);
  const find = (name: string) => named.find(({ scenario }) => scenario.name === name);
  const hard = find('N9');
  return [
    atMost('false rollbacks, worst of N1 to N8', percent(worst), 1, '%'),
    atMost('false rollbacks, N9', percent(hard && rolledBackRate(hard)), 2.5, '%'),
    ...['R1', 'R2', 'R4', 'R5', 'R7', 'R10'].map((name) => delayGate(name, find(name), 45)),
    delayGate('R3', find('R3'), 300),
    atMost('battery: false rollbacks', percent(battery?.falseRate), 0.2, '%'),
    atMost('battery: missed', percent(battery?.missedRate), 15, '%'),
    ...harmBounds.map(([judge, bound]) => {
      const figure = peers.find((summary) => summary.judge === judge)?.harmRatio ?? null;
      return { about: `battery: harm of ${judge}, of ours`, figure, bound, is: 'least', unit: 'x' } as const;
    }),
  ];
}

export function verdictOn({ figure, bound, is }: Gate): Verdict {
  if (figure === null) return 'not measured';
  const isMet = is === 'most' ? figure <= bound : figure >= bound;
  // A figure that is not a number meets nothing.
  return isMet ? 'met' : 'NOT MET';
}

/** How many times our harm that of a peer must be at least. */
const harmBounds = [
  ['ratio rule, tuned', 2],
  ['Argo failureLimit 3', 3],
  ['Flagger threshold 5', 4.5],
] as const;

function delayGate(name: string, tally: Tally | undefined, bound: number): Gate {
  return atMost(`median delay, ${name}`, tally === undefined ? null : medianDelay(tally), bound, 's');
}

function atMost(about: string, figure: number | null, bound: number, unit: Gate['unit']): Gate {
  return { about, figure, bound, is: 'most', unit };
}
