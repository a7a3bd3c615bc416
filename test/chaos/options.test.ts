import { describe, expect, it } from 'vitest';
import { readOptions } from './options.ts';
import { tableOf } from './print.ts';

const usual = { seed: 1, seconds: 60, workers: 4, without: null, aim: null };

describe('the command line of a chaos run', () => {
  it.each([
    [[], usual],
    [['--seed', '7', '--seconds', '20', '--workers', '2'], { ...usual, seed: 7, seconds: 20, workers: 2 }],
    [['--aim', 'sweep'], { ...usual, aim: 'sweep' }],
  ])('%j', (args, options) => {
    expect(readOptions(args)).toEqual(options);
  });

  it('aims at the protection that it takes out, unless it is to aim at another one', () => {
    expect(readOptions(['--without', 'fence'])).toEqual({ ...usual, without: 'fence', aim: 'fence' });
    expect(readOptions(['--without', 'fence', '--aim', 'sweep'])).toMatchObject({ aim: 'sweep' });
  });

  it.each([
    [['--without', 'luck']],
    [['--seconds', '0']],
    [['--workers', 'many']],
    [['--help']],
  ])('asks for help with %j', (args) => {
    expect(readOptions(args)).toBeNull();
  });
});

describe('the outcome of a chaos run', () => {
  const outcome = {
    faults: new Map([['kill', 3]]),
    rollouts: new Map([['rolled_back', 2]]),
    turns: 40,
    writes: 9,
    seconds: 62,
    violations: [],
    histories: [],
  };

  it('is a table with a count of each fault', () => {
    const table = tableOf({ ...usual, without: 'fence', aim: 'fence' }, outcome);
    expect(table).toContain('seed 1, 4 workers, 62 s, aimed at fence, without fence');
    expect(table).toMatch(/^fault kill +3$/m);
    expect(table).toMatch(/^fault redisFlush +0$/m);
    expect(table).toMatch(/^violations +0$/m);
  });

  it('tells of a violation with all that is known of its rollout, in the order of time', () => {
    const rows = [
      {
        rollout_id: 'ro_1',
        seq: 1,
        at: 1000,
        type: 'weight.applied',
        actor_kind: 'canaryd',
        facts: { from: 0, to: 20 },
      },
    ];
    const write = {
      at: 900,
      service: 'cards',
      rolloutId: 'ro_1',
      epoch: 2,
      byCanaryd: true,
      shares: {},
      share: 20,
    };
    const history = {
      id: 'ro_1',
      service: 'cards',
      canary: 'green',
      status: 'running',
      ended: false,
      first: 0,
      epoch: 2,
      late: null,
      rows,
      writes: [write, { ...write, at: 1200, byCanaryd: false }],
    };
    const violations = [{ rollout: 'ro_1', says: 'it came to no end' }];
    expect(tableOf(usual, { ...outcome, violations, histories: [history] })).toContain(
      [
        'VIOLATION ro_1: it came to no end',
        'HISTORY ro_1',
        '    0.000 s  mesh  20 % by canaryd, epoch 2',
        '    0.100 s  audit 1 weight.applied 0 to 20 % by canaryd',
        '    0.300 s  mesh  20 % by somebody else',
      ].join('\n'),
    );
  });
});
