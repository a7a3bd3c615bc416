import { describe, expect, it } from 'vitest';
import { faultsIn, type Outcome } from '../../../bench/scale/check.ts';
import { planFor } from '../../../bench/scale/create.ts';
import { risen, spreadOf, turnsIn } from '../../../bench/scale/figures.ts';
import { breachingOf, fleetOf } from '../../../bench/scale/fleet.ts';
import { readOptions } from '../../../bench/scale/options.ts';
import { type Bounds, narrowed, nextProbe } from '../../../bench/scale/search.ts';
import { commandsIn } from '../../../bench/scale/storage.ts';
import { Plan } from '../../../src/rollout/plan.ts';

describe('the lag of turns', () => {
  const stretch = { from: 1000, to: 2000 };

  it('is the time from when a turn was due to its claim, whichever worker had either', () => {
    const one = { claimed: [], due: [['ro_1', 4, 1000] as [string, number, number]] };
    const other = { claimed: [['ro_1', 5, 1030] as [string, number, number]], due: [] };
    expect(turnsIn([one, other], stretch)).toEqual({ count: 1, late: [30] });
  });

  it('leaves out what a person made due, and what began outside of the stretch', () => {
    const due: [string, number, number][] = [['ro_1', 4, 900]];
    const claimed: [string, number, number][] = [
      ['ro_1', 6, 1500],
      ['ro_1', 5, 999],
    ];
    expect(turnsIn([{ claimed, due }], stretch)).toEqual({ count: 1, late: [] });
  });
});

describe('figures', () => {
  it('have a median, a value that 99 of 100 do not exceed, and a most', () => {
    const values = Array.from({ length: 200 }, (_, index) => index + 1);
    expect(spreadOf(values)).toEqual({ count: 200, median: 100, p99: 198, most: 200 });
    expect(spreadOf([])).toBeNull();
  });

  it('count only what rose', () => {
    expect(risen({ get: 2, list: 1 }, { get: 5, list: 1, patch: 1 })).toEqual({ get: 3, patch: 1 });
  });

  it("read Redis's own counts of commands", () => {
    const info = '# Commandstats\r\ncmdstat_evalsha:calls=12,usec=1\r\ncmdstat_config|get:calls=1,usec=2\r\n';
    expect(commandsIn(info)).toEqual({ evalsha: 12, 'config|get': 1 });
  });
});

describe('the search for the largest number of rollouts', () => {
  const path = (limit: number, first: number) => {
    const tried: number[] = [];
    let bounds: Bounds = { held: null, failed: null };
    for (let next = nextProbe(bounds, first); next !== null; next = nextProbe(bounds, first)) {
      tried.push(next);
      bounds = narrowed(bounds, next, next <= limit);
    }
    return { tried, held: bounds.held };
  };

  it('doubles until a run fails and then takes the middle', () => {
    expect(path(700, 100)).toEqual({ tried: [100, 200, 400, 800, 600, 700, 750], held: 700 });
  });

  it('goes down where the first run fails already', () => {
    expect(path(30, 100)).toEqual({ tried: [100, 50, 25, 37, 31, 28, 29], held: 29 });
  });

  it('ends where not even one holds', () => {
    expect(path(0, 4)).toEqual({ tried: [4, 2, 1], held: null });
  });
});

describe('the check of a run', () => {
  const fleet = fleetOf(60);
  const breaching = breachingOf(fleet);
  const isBreaching = (name: string) => breaching.some((one) => one.name === name);
  const sound: Outcome = {
    fleet,
    breaching,
    standings: fleet.map((place) => {
      const status = isBreaching(place.name) ? 'rolled_back' : 'running';
      return { ...place, status, detail: '{}' };
    }),
    changes: fleet.map((place, index) => {
      const weight = isBreaching(place.name) ? 0 : 5;
      return { ...place, seq: index + 1, at: 1500, weight };
    }),
    from: 1000,
    to: 2000,
  };
  const withStatus = (name: string, status: string): Outcome => ({
    ...sound,
    standings: sound.standings.map((one) => (one.name === name ? { ...one, status } : one)),
  });

  it('finds nothing where 2 % breached and were rolled back, and all others went on', () => {
    expect(breaching).toHaveLength(2);
    expect(faultsIn(sound)).toEqual([]);
  });

  it.each([
    [
      'a healthy rollout that was rolled back',
      withStatus('service-1', 'rolled_back'),
      /healthy and not on the way/,
    ],
    [
      'a breaching rollout that was not',
      withStatus('service-50', 'running'),
      /breaching and not rolled back/,
    ],
    ['a rollout that is not there', { ...sound, standings: sound.standings.slice(1) }, /60 .* 59 are kept/],
    [
      'a canary that kept its traffic',
      { ...sound, changes: sound.changes.map((one) => ({ ...one, weight: 5 })) },
      /canary has traffic/,
    ],
    [
      'a rollout that stood still',
      { ...sound, changes: sound.changes.filter(({ weight }) => weight === 0) },
      /same weight/,
    ],
  ])('tells of %s', (_, outcome, told) => {
    expect(faultsIn(outcome).join('\n')).toMatch(told);
  });
});

describe('the plan of a run', () => {
  it.each([30, 60, 600])('is one that canaryd takes, for %i s', (seconds) => {
    const plan = Plan.parse(planFor(seconds));
    expect(plan.steps.filter(({ type }) => type === 'setWeight')).toHaveLength(24);
  });
});

describe('the command line', () => {
  it('takes whole numbers, and 30 s at least', () => {
    expect(readOptions(['--rollouts', '500', '--seconds', '30'])).toMatchObject({
      rollouts: 500,
      seconds: 30,
      workers: 1,
    });
    expect(readOptions(['--seconds', '29'])).toBeNull();
    expect(readOptions(['--rollouts', 'many'])).toBeNull();
    expect(readOptions(['--unknown'])).toBeNull();
  });
});
