import { describe, expect, it } from 'vitest';
import { allCounted } from '../../../bench/soak/counted.ts';
import { readOptions } from '../../../bench/soak/options.ts';
import { reportOf } from '../../../bench/soak/report.ts';
import type { Sample } from '../../../bench/soak/verdict.ts';

const counted = allCounted(['canaryd 1', 'canaryd 2']);
const allWell = { ended: new Map([['succeeded', 30]]), late: [] };

function samples(change: (name: string, seconds: number) => number): Sample[] {
  return Array.from({ length: 120 }, (_, index) => {
    const seconds = (index + 1) * 5;
    return { seconds, values: Object.fromEntries(counted.map(({ name }) => [name, change(name, seconds)])) };
  });
}

describe('the report of a soak', () => {
  it('has a row for everything that is counted, and is good when all of it is flat', () => {
    const { text, isFlat } = reportOf(
      samples(() => 12),
      counted,
      allWell,
      10,
    );
    for (const { name } of counted) expect(text).toContain(`${name} |`);
    expect(text).not.toContain('grows');
    expect(text).toContain('30 succeeded');
    expect(isFlat).toBe(true);
  });

  it('is not good when one thing grows, and says which', () => {
    const leaking = 'canaryd 2: descriptors';
    const { text, isFlat } = reportOf(
      samples((name, seconds) => (name === leaking ? seconds : 12)),
      counted,
      allWell,
      10,
    );
    expect(text.split('\n').filter((line) => line.includes('grows'))).toEqual([
      expect.stringContaining(leaking),
    ]);
    expect(isFlat).toBe(false);
  });

  it('is not good when something was not seen, or a release did not end', () => {
    expect(reportOf([], counted, allWell, 10).isFlat).toBe(false);
    expect(
      reportOf(
        samples(() => 12),
        counted,
        { ...allWell, late: ['service-3'] },
        10,
      ).isFlat,
    ).toBe(false);
  });

  it('does not judge growth before five minutes, and is good then unless a release did not end', () => {
    const growing = samples((_name, seconds) => seconds);
    const { text, isFlat } = reportOf(growing, counted, allWell, 4.9);
    expect(text).not.toMatch(/grows|flat/);
    expect(text.split('\n').at(-1)).toBe('Too short to tell growth from warm-up: take 10 minutes.');
    expect(isFlat).toBe(true);
    expect(reportOf(growing, counted, { ...allWell, late: ['service-3'] }, 4.9).isFlat).toBe(false);
    expect(reportOf(growing, counted, allWell, 5).isFlat).toBe(false);
  });
});

describe('the command line of a soak', () => {
  it.each([
    [[], { minutes: 10, rollouts: 8 }],
    [['--minutes', '1.5', '--rollouts', '2'], { minutes: 1.5, rollouts: 2 }],
  ])('%j', (args, options) => {
    expect(readOptions(args)).toEqual(options);
  });

  it.each([
    [['--minutes', '0.5']],
    [['--rollouts', '0']],
    [['--minutes', 'long']],
    [['--hours', '1']],
    [['--help']],
  ])('asks for help with %j', (args) => {
    expect(readOptions(args)).toBeNull();
  });
});
