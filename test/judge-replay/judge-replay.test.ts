import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Recording } from '../../src/rollout/replay/recording.ts';
import { recorded } from '../rollout/replay/recordings.ts';
import { type Given, replayed } from './files.ts';

const plan = `interval: 15s
checks:
  errors: { metric: errorRate, max: 1%, window: 60s }
  p99: { metric: p99LatencyMs, max: 2000, window: 60s }
steps:
  - { type: setWeight, weight: 5 }
  - { type: bake, duration: 5m }
  - { type: setWeight, weight: 25 }
  - { type: bake, duration: 5m }
  - { type: promote, bake: 5m }
`;
const good = recorded(60);
const bad = recorded(20, () => ({ canary: { errors: 0.05, slow: 0.005 } }));
const json = (recording: Recording) => JSON.stringify(recording);
/** A line for all but the polls, then a line a poll. */
const lines = ({ polls, ...head }: Recording) =>
  [head, ...polls].map((line) => `${JSON.stringify(line)}\n`).join('');
/** In one line: what a terminal breaks after 80 columns. */
const flat = (text: string) => text.replaceAll(/\s+/g, ' ');

const Line = z.looseObject({ at: z.number(), share: z.number() });
const Verdict = z.strictObject({
  verdict: z.looseObject({ threshold: z.unknown(), sequential: z.unknown() }),
});

describe('a replay of files', () => {
  it('prints a line of JSON for each poll and one with both verdicts, and ends with 0 where all is well', async () => {
    const { code, out, err } = await replayed({ plan, input: json(good) });
    expect([code, err]).toEqual([0, '']);
    const parsed: unknown[] = out
      .trimEnd()
      .split('\n')
      .map((line): unknown => JSON.parse(line));
    expect(
      z
        .array(Line)
        .parse(parsed.slice(0, -1))
        .map(({ at }) => at),
    ).toEqual(good.polls.map(({ at }) => at));
    expect(Verdict.parse(parsed.at(-1)).verdict).toMatchObject({
      threshold: { rollback: null },
      sequential: { rollback: null },
    });
  });

  it('ends with 3 where the sequential judge would have rolled back', async () => {
    expect(await replayed({ plan, input: json(bad) })).toMatchObject({ code: 3, err: '' });
  });

  it('ends as the judge of the plan would have, whatever the other one says', async () => {
    const worse = json(recorded(20, () => ({ canary: { errors: 0.04, slow: 0.005 } })));
    const lenient = plan.replace('max: 1%', 'max: 5%');
    expect((await replayed({ plan: lenient, input: worse })).code).toBe(3);
    expect((await replayed({ plan: `judge: threshold\n${lenient}`, input: worse })).code).toBe(0);
  });

  it('says the same of polls in lines, of a plan in JSON, and of one in the file of a rollout', async () => {
    const expected = await replayed({ plan, input: json(bad) });
    const indented = plan.replaceAll(/^/gm, '  ').trimEnd();
    const rollout = `target: { namespace: shop, virtualService: payment }\nplan:\n${indented}\n`;
    expect(await replayed({ plan, input: lines(bad) })).toEqual(expected);
    expect(await replayed({ plan: rollout, input: json(bad) })).toEqual(expected);
    const asJson = JSON.stringify({
      interval: '15s',
      checks: {
        errors: { metric: 'errorRate', max: '1%', window: '60s' },
        p99: { metric: 'p99LatencyMs', max: 2000, window: '60s' },
      },
      steps: [
        { type: 'setWeight', weight: 5 },
        { type: 'bake', duration: '5m' },
        { type: 'setWeight', weight: 25 },
        { type: 'bake', duration: '5m' },
        { type: 'promote', bake: '5m' },
      ],
    });
    expect(await replayed({ plan: asJson, planFile: 'plan.json', input: json(bad) })).toEqual(expected);
  });

  it.each([
    ['at a terminal', { output: null, isTerminal: true }],
    ['where it is asked for', { output: 'table' as const }],
  ])('prints a table of at most 80 columns %s', async (_name, how) => {
    const outage = { errors: 0.08, slow: 0.2 };
    const seen = [
      await replayed({ plan, input: json(good) }, how),
      await replayed({ plan, input: json(bad) }, how),
      await replayed({ plan, input: json(recorded(40, () => ({ canary: outage, stable: outage }))) }, how),
      await replayed({ plan, input: json(recorded(80, () => ({ canary: null }))) }, how),
    ];
    const printed = seen.flatMap(({ out }) => out.split('\n'));
    expect(printed.filter((line) => line.length > 80)).toEqual([]);
    expect(seen.map(({ code }) => code)).toEqual([0, 3, 3, 0]);
    expect(printed).toContainEqual(expect.stringMatching(/^ +15 +5 % +.* % {2}continue +continue/));
    expect(printed).toContainEqual(expect.stringContaining('hold environment'));
    expect(printed).toContainEqual(expect.stringContaining('rollback outage'));
    expect(printed).toContainEqual(expect.stringMatching(/ - +0\.49 % {2}hold no data +hold no data/));
    expect(flat(seen[1]?.out ?? '')).toContain(
      'sequential: rolls back after 30 s at 5 % (step 1); of the canary',
    );
    expect(flat(seen[0]?.out ?? '')).toContain('threshold: rolls nothing back; of');
  });
});

describe('a table', () => {
  it('has room for fine shares, rare errors, and a person who has to look', async () => {
    const fine = plan.replace('weight: 5', 'weight: 12.25').replace('duration: 5m', 'duration: 60s');
    const rare = { requests: 20_000_000, errors: 1, buckets: [2e7, 0, 0, 0, 0, 0] };
    const polls = recorded(30).polls.map((poll, number) => ({
      ...poll,
      share: 12.25,
      canary: number === 0 ? rare : null,
      stable: number === 0 ? rare : null,
    }));
    const { out } = await replayed({ plan: fine, input: json({ ...good, polls }) }, { output: 'table' });
    const lines = out.split('\n');
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
    expect(lines[2]).toMatch(/^ {4}15 12\.25 % < \.01 % < \.01 % {2}/);
    expect(lines).toContainEqual(
      expect.stringMatching(/^ {3}450 12\.25 % +- +- {2}hold no data +inconclusive +[<\d]/),
    );
  });
});

describe('a replay refuses', () => {
  const poll = good.polls[0];
  const withPolls = (polls: unknown[]) => JSON.stringify({ ...good, polls });

  it.each<[string, Given, number, string]>([
    ['a plan that is not there', { input: json(good) }, 2, 'plan.yaml cannot be read: ENOENT'],
    ['a recording that is not there', { plan }, 2, 'polls.json cannot be read: ENOENT'],
    ['an empty plan', { plan: '', input: json(good) }, 6, 'plan.yaml cannot be replayed: is empty'],
    ['an empty recording', { plan, input: ' \n' }, 6, 'polls.json cannot be replayed: is empty'],
    [
      'a plan with a fault',
      { plan: plan.replace('weight: 25', 'weight: 4'), input: json(good) },
      6,
      '/steps/2/weight step 3 sets 4 % after 5 % was reached',
    ],
    [
      'a plan with an unknown name',
      { plan: plan.replace('interval', 'intervall'), input: json(good) },
      6,
      '/intervall is not known: did you mean "interval"?',
    ],
    [
      'a plan that is kept elsewhere',
      { plan: 'plan: pci-standard\n', input: json(good) },
      6,
      '/plan names a plan that canaryd keeps',
    ],
    [
      'a plan in the file of a rollout with a fault',
      { plan: 'plan: { steps: [] }\n', input: json(good) },
      6,
      '/plan/steps a plan has at least one step',
    ],
    ['YAML that is none', { plan: 'steps: [', input: json(good) }, 6, 'is not taken as YAML: line 1'],
    [
      'JSON that is none',
      { plan, input: '{"scrapeSeconds": 15,,}' },
      6,
      'is not JSON from line 1, column 22 on',
    ],
    ['a broken line', { plan, input: `${lines(good)}{"at": ` }, 6, 'is not JSON from line 62, column 8 on'],
    [
      'lines that begin with a poll',
      { plan, input: '1\n2\n' },
      6,
      'line 1 of several is to hold everything but the polls',
    ],
    [
      'a misspelled field',
      { plan, input: withPolls([{ ...poll, shares: 5 }]) },
      6,
      '/polls/0/shares is not known: did you mean "share"?',
    ],
    [
      'an arm that is left out',
      { plan, input: withPolls([{ at: 15, share: 5, canary: null }]) },
      6,
      '/polls/0/stable is missing',
    ],
    ['times that do not rise', { plan, input: withPolls([poll, poll]) }, 6, '/polls/1/at 15 s after 15 s'],
    [
      'a share that the plan has not',
      { plan, input: withPolls([{ ...poll, share: 7 }]) },
      6,
      'polls.json cannot be replayed: /polls/0/share the plan has no step at 7 %',
    ],
    [
      'windows of less than two scrapes',
      { plan, input: JSON.stringify({ ...good, scrapeSeconds: 60 }) },
      6,
      'plan.yaml cannot be replayed: /checks/errors/window looks back 60 s',
    ],
  ])('%s', async (_name, given, exit, why) => {
    const { code, out, err } = await replayed(given);
    expect([code, out, flat(err)]).toEqual([exit, '', expect.stringContaining(why)]);
    expect(err.split('\n').filter((line) => line.length > 80)).toEqual([]);
  });

  it('a recording with the same fault in each poll by naming the first ten', async () => {
    const polls = good.polls.map((one) => ({ ...one, share: 101 }));
    const { err } = await replayed({ plan, input: withPolls(polls) });
    expect(err.match(/a weight is at most 100/g)).toHaveLength(10);
    expect(err).toContain('and 50 more');
  });

  it('what would move the cursor of a terminal', async () => {
    const { err } = await replayed({ plan, inputFile: 'a\u001b[2J.json' });
    expect(err).not.toContain('\u001b');
  });
});
