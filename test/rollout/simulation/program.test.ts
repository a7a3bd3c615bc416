import { describe, expect, it } from 'vitest';
import { readOptions } from './options.ts';
import { progressLine, reportOf } from './report.ts';
import { emptySummary } from './summary.ts';

describe('npm run simulate', () => {
  it('runs 500 seeds from 1 unless it is told otherwise', () => {
    expect(readOptions([])).toEqual({ kind: 'many', from: 1, count: 500 });
    expect(readOptions(['--seeds', '10000', '--from', '7'])).toEqual({
      kind: 'many',
      from: 7,
      count: 10_000,
    });
  });

  it('replays one seed', () => {
    expect(readOptions(['--seed', '7'])).toEqual({ kind: 'replay', seed: 7 });
  });

  it.each([
    [['--seeds', '0'], '--seeds takes a whole number from 1 to 4294967295, and not "0".'],
    [['--from', 'x'], '--from takes a whole number from 0 to 4294967295, and not "x".'],
    [['--seed', '1.5'], '--seed takes a whole number from 0 to 4294967295, and not "1.5".'],
    [['--seed', '1', '--seeds', '2'], '--seed replays one run: leave out --seeds and --from.'],
    [['--sedes', '2'], "Unknown option '--sedes'."],
  ])('tells what is wrong with %j', (args, why) => {
    expect(readOptions(args)).toEqual({ kind: 'wrong', why });
  });

  it('shows how far it is in one line of 80 columns', () => {
    const sum = { ...emptySummary(), runs: 4_000_000, turns: 4_000_000_000 };
    expect(progressLine(sum, 4_294_967_295, 86_400).length).toBeLessThan(80);
  });

  it('names a broken promise with its seed, its detail and the command that replays it', () => {
    const broken = [{ seed: 7, violations: [{ promise: 'no step is skipped', detail: '50 % after 5 %' }] }];
    const lines = reportOf({ ...emptySummary(), runs: 10, broken }, 2).split('\n');
    expect(lines.slice(-4)).toEqual([
      'Seed 7 broke a promise:',
      '  no step is skipped: 50 % after 5 %',
      '  npm run simulate -- --seed 7',
      '1 of 10 seeds broke a promise.',
    ]);
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(80);
  });
});
