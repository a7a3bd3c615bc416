import { describe, expect, it } from 'vitest';
import { csvOf } from '../../../bench/judge/csv.ts';
import {
  geometricMean,
  harmOf,
  median,
  medianDelay,
  missedRate,
  rolledBackRate,
  type Summary,
  summaryOf,
} from '../../../bench/judge/figures.ts';
import { type Gate, gatesOf, type Played, verdictOn } from '../../../bench/judge/gates.ts';
import type { Judge } from '../../../bench/judge/judge.ts';
import { readOptions } from '../../../bench/judge/options.ts';
import { healthy, regressed } from '../../../bench/judge/scenarios.ts';
import type { Scenario } from '../../../bench/judge/service.ts';
import { count, emptyTally, type Tally } from '../../../bench/judge/tally.ts';
import { fine, handMade } from './hand-made.ts';

function named(name: string): Scenario {
  const found = [...healthy, ...regressed].find((scenario) => scenario.name === name);
  if (found === undefined) throw new Error(`no scenario ${name}`);
  return found;
}

function tally(name: string, different: Partial<Tally>): Tally {
  return { ...emptyTally(named(name), 'canaryd'), rollouts: 200, ...different };
}

const summary: Summary = {
  judge: 'canaryd',
  falseRate: 0.0007,
  falseRollbacks: 4,
  healthyRollouts: 6000,
  falseP95: 0,
  falseWorst: 0.017,
  missedRate: 0.133,
  medianDelay: 90,
  harmRatio: 1,
  harmRatioFound: 1,
};

describe('a tally', () => {
  const always = (poll: number): Judge => ({
    name: 'canaryd',
    rollsBackAt: () => ({ poll, why: 'errors' }),
  });
  const never: Judge = { name: 'canaryd', rollsBackAt: () => null };
  const recording = handMade(fine, fine);
  recording.harm.fill(2);
  recording.exposed.fill(10);

  it('counts harm up to the scrape that led back, or to the end', () => {
    const own = emptyTally(named('R2'), 'canaryd');
    count(own, recording, always(3));
    expect(own).toMatchObject({ rolledBack: 1, missed: 0, harm: 8, exposed: 40, delays: [60] });
    count(own, recording, never);
    expect(own).toMatchObject({ rollouts: 2, rolledBack: 1, missed: 1, harm: 168, exposed: 840 });
    expect(own.why).toEqual(new Map([['errors', 1]]));
  });

  it('takes a rollback before the regression neither for a find nor for a miss', () => {
    const own = emptyTally(named('R10'), 'canaryd');
    // The scrape at 660 s saw nothing of what begins then.
    count(own, recording, always(43));
    expect(own).toMatchObject({ rolledBack: 0, early: 1, missed: 0, delays: [] });
    count(own, recording, always(44));
    expect(own).toMatchObject({ rolledBack: 1, early: 1, missed: 0, delays: [15] });
  });

  it('misses nothing where nothing is wrong', () => {
    const own = emptyTally(named('N2'), 'canaryd');
    count(own, recording, never);
    expect(own).toMatchObject({ rolledBack: 0, missed: 0, early: 0 });
    count(own, recording, always(0));
    expect(rolledBackRate(own)).toBe(0.5);
  });
});

describe('figures', () => {
  it('have a median that counts what was missed as never', () => {
    expect(medianDelay(tally('R2', { delays: [30, 45, 15] }))).toBe(30);
    expect(medianDelay(tally('R2', { delays: [30, 45] }))).toBe(37.5);
    expect(medianDelay(tally('R2', { delays: [30, 45, 15], missed: 4 }))).toBe(Number.POSITIVE_INFINITY);
    expect(median([])).toBeNaN();
  });

  it('are a rollout each', () => {
    const own = tally('R2', { missed: 20, harm: 900 });
    expect([missedRate(own), harmOf(own)]).toEqual([0.1, 4.5]);
    expect(geometricMean([2, 8])).toBeCloseTo(4, 12);
  });

  it('sum up a battery against our own harm, service by service', () => {
    const ours = [
      tally('N1', { rolledBack: 2 }),
      tally('N2', {}),
      tally('R1', { harm: 200 * 9.99, delays: [30], missed: 0 }),
      tally('R2', { harm: 200 * 0.99, delays: [90], missed: 120 }),
    ];
    const theirs = ours.map((own) => ({ ...own, judge: 'other', harm: own.harm === 0 ? 0 : 200 * 39.99 }));
    const found = summaryOf(theirs, ours);
    expect(found).toMatchObject({ judge: 'other', falseRollbacks: 2, healthyRollouts: 400, medianDelay: 60 });
    expect(found.falseRate).toBeCloseTo(0.005, 12);
    expect([found.falseP95, found.falseWorst]).toEqual([0.01, 0.01]);
    expect(found.missedRate).toBeCloseTo(0.3, 12);
    // 40 / 10 and 40 / 1, and a hundredth of a request in each.
    expect(found.harmRatio).toBeCloseTo(Math.sqrt(4 * 40), 9);
    expect(found.harmRatioFound).toBeCloseTo(4, 9);
  });
});

describe('the gates', () => {
  const good: Played = {
    named: [
      ...['N1', 'N2', 'N3', 'N4', 'N5', 'N6', 'N7', 'N8'].map((name) => tally(name, { rolledBack: 2 })),
      tally('N9', { rolledBack: 5 }),
      ...['R1', 'R2', 'R4', 'R5', 'R7', 'R10'].map((name) => tally(name, { delays: [45] })),
      tally('R3', { delays: [300] }),
    ],
    battery: { ...summary, falseRate: 0.002, missedRate: 0.15 },
    peers: [
      { ...summary, judge: 'ratio rule, tuned', harmRatio: 2 },
      { ...summary, judge: 'Argo failureLimit 3', harmRatio: 3 },
      { ...summary, judge: 'Flagger threshold 5', harmRatio: 4.5 },
    ],
  };
  const failed = (played: Played) =>
    gatesOf(played)
      .filter((gate) => verdictOn(gate) === 'NOT MET')
      .map(({ about, figure }) => `${about}: ${figure}`);

  it('are all met at their very bounds', () => {
    expect(gatesOf(good)).toHaveLength(14);
    expect(gatesOf(good).map(verdictOn)).toEqual(new Array(14).fill('met'));
  });

  it.each<[string, Played, string[]]>([
    [
      'the worst of N1 to N8',
      {
        ...good,
        named: good.named.map((own) => (own.scenario.name === 'N4' ? { ...own, rolledBack: 3 } : own)),
      },
      ['false rollbacks, worst of N1 to N8: 1.5'],
    ],
    [
      'N9 on its own',
      {
        ...good,
        named: good.named.map((own) => (own.scenario.name === 'N9' ? { ...own, rolledBack: 6 } : own)),
      },
      ['false rollbacks, N9: 3'],
    ],
    [
      'a delay that more than half never had',
      {
        ...good,
        named: good.named.map((own) => (own.scenario.name === 'R7' ? { ...own, missed: 2 } : own)),
      },
      ['median delay, R7: Infinity'],
    ],
    [
      'the battery',
      { ...good, battery: { ...summary, falseRate: 0.0021 } },
      ['battery: false rollbacks: 0.21'],
    ],
    [
      'the harm of a peer',
      { ...good, peers: good.peers.map((peer) => ({ ...peer, harmRatio: 3.1 })) },
      ['battery: harm of Flagger threshold 5, of ours: 3.1'],
    ],
  ])('fail by %s alone', (_, played, expected) => {
    expect(failed(played)).toEqual(expected);
  });

  it('measure nothing that was not played, and fail by what is no number', () => {
    const nothing = gatesOf({ named: [], battery: null, peers: [] });
    expect(new Set(nothing.map(verdictOn))).toEqual(new Set(['not measured']));
    const broken: Gate = { about: '', figure: Number.NaN, bound: 1, is: 'most', unit: '%' };
    expect(verdictOn(broken)).toBe('NOT MET');
    expect(verdictOn({ ...broken, is: 'least' })).toBe('NOT MET');
  });
});

describe('the CSV', () => {
  it('has a line for each scenario and judge, and quotes what has a comma', () => {
    const [head = '', line = '', ...rest] = csvOf([
      tally('R2', { judge: 'ratio rule, tuned', delays: [30], rolledBack: 1, missed: 1, harm: 100 }),
    ]).split('\n');
    expect(head.split(',').slice(0, 4)).toEqual(['scenario', 'canary', 'judge', 'rollouts']);
    expect(line).toMatch(/^R2,regressed,"ratio rule, tuned",200,1,0,1,,0\.500,0\.0,,"200 rps, /);
    expect(rest).toEqual(['']);
  });
});

describe('the command line', () => {
  it('takes any whole seed, and everything by default', () => {
    expect(readOptions(['--seed', '12'])).toMatchObject({ seed: 12, rollouts: 400, csv: null });
    expect(readOptions([])?.chosen).toHaveLength(23);
    expect(readOptions(['--only', 'N4,R9,battery'])?.chosen).toEqual(['N4', 'R9', 'battery']);
    expect(readOptions(['--only', 'N10'])).toBeNull();
    expect(readOptions(['--rollouts', '0'])).toBeNull();
    expect(readOptions(['--seed', 'any'])).toBeNull();
  });
});
