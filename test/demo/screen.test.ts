import { describe, expect, it } from 'vitest';
import { screen } from '../../demo/screen/screen.ts';
import { textWidth } from '../../demo/screen/text-width.ts';
import { baking, errors, moments, p99, stateOf } from './states.ts';

const all = Object.entries(moments);
const sizes = [
  [80, 24],
  [200, 50],
  [40, 24],
  [20, 8],
  [1, 1],
] as const;

describe('the live view', () => {
  it.each(all)('shows a release that is %s on 80 columns', (_name, state) => {
    expect(screen(state, 80, 24).join('\n')).toMatchSnapshot();
  });

  it.each(all)('shows a release that is %s on 200 columns', (_name, state) => {
    expect(screen(state, 200, 50).join('\n')).toMatchSnapshot();
  });

  it.each(
    all.flatMap(([name, state]) => sizes.map(([columns, rows]) => ({ name, state, columns, rows }))),
  )('fits a terminal of $columns columns and $rows rows: $name', ({ state, columns, rows }) => {
    const lines = screen(state, columns, rows);
    expect(lines.length).toBeLessThanOrEqual(rows);
    expect(Math.max(...lines.map(textWidth))).toBeLessThanOrEqual(columns);
  });

  it('keeps its left pane as it is on 80 columns when there is room for a second one', () => {
    const wide = screen(moments.baking, 200, 24).map((line) => line.slice(0, 80).trimEnd());
    expect(wide).toEqual(screen(moments.baking, 80, 24).map((line) => line.trimEnd()));
  });

  it.each([
    ['running', /RUNNING/],
    ['holding', /HOLDING metrics missing/],
    ['paused', /PAUSED operator/],
    ['stuck on its way back', /ROLLING BACK, STUCK stable not ready/],
    ['rolled back', /ROLLED BACK analysis failed/],
    ['succeeded', /SUCCEEDED/],
  ] as const)('says in words, not only in colour, that a release is %s', (name, words) => {
    expect(screen(moments[name], 80, 24).slice(0, 2).join('\n')).toMatch(words);
  });

  it('shows a status that it does not know in its own words', () => {
    expect(screen(stateOf({ status: 'awaiting_approval' }), 80, 24)[0]).toContain('AWAITING APPROVAL');
  });

  it('says that the clock of a step stands still while the release holds', () => {
    expect(screen(moments.holding, 80, 24).join('\n')).toContain('0:11 of 0:20  stands still');
  });

  it('tells a missing value from a good one', () => {
    const lines = screen(moments.holding, 80, 24).join('\n');
    expect(lines).toMatch(/p99 +- +- +≤ 2000 ms +- +▁▁▁▁▁\? +‖ no answer/);
  });

  it('names only the shares that canaryd told', () => {
    const told = screen(stateOf(), 80, 24).join('\n');
    expect(told).toContain('desired 20 · applied 20 · observed 19.6');
    const untold = screen(stateOf({ weight: { desired: 20, applied: 20 } }), 80, 24).join('\n');
    expect(untold).not.toContain('observed');
  });

  it.each(['rolled back', 'succeeded'] as const)('names no observed share once a release is %s', (name) => {
    expect(screen(moments[name], 80, 24).join('\n')).not.toContain('observed');
  });

  it('explains the mark of a missing value, and keys that are off', () => {
    const lines = screen(moments.holding, 80, 24).join('\n');
    expect(lines).toContain('? = no value then');
    expect(lines).toContain('(without brackets: off now)');
    expect(screen(moments.baking, 80, 24).join('\n')).not.toContain('no value then');
  });

  it('shows a first release that has not been measured yet', () => {
    const unmeasured = { verdict: null, canary: null, stable: null, measuredAt: null };
    const checks = [errors, p99].map((check) => ({ ...check, ...unmeasured }));
    const lines = screen(
      stateOf({ status: 'preflight', step: null, checks }, { polls: [], clock: null }),
      80,
      24,
    );
    expect(lines.join('\n')).toMatch(/p99 +- +- +≤ 2000 ms +- +not measured yet/);
    expect(lines.join('\n')).not.toContain('✓');
  });

  it('says that there are no checks', () => {
    expect(screen(stateOf({ checks: [] }), 80, 24).join('\n')).toContain('No checks: only the guards watch.');
  });

  it('shows the commands for another terminal in whole lines', () => {
    const command = `export TOKEN=canaryd-${'0'.repeat(36)}`;
    expect(screen(stateOf({}, { access: [command] }), 80, 24)).toContain(command);
  });

  it('shows what is awaited before there is a release', () => {
    const lines = screen(stateOf({}, { release: null, notice: 'Starting canaryd ...' }), 80, 24);
    expect(lines.join('\n')).toContain('Starting canaryd ...');
    expect(lines.slice(-2).join('\n')).toContain('[q] quit');
  });
});

describe('the names that others chose', () => {
  const service = 'a-service-with-a-name-that-is-as-long-as-kubernetes-lets-it-be-63';
  const long = stateOf({
    target: { namespace: `${service}-prod`, virtualService: service, route: service },
    reason: 'a very long reason '.repeat(20),
    versions: { stable: 'v2026.11.23-build-4711', canary: '版本二'.repeat(20) },
  });

  it.each(sizes)('do not push anything off a screen of %i columns', (columns, rows) => {
    const lines = screen(long, columns, rows);
    expect(Math.max(...lines.map(textWidth))).toBeLessThanOrEqual(columns);
    expect(lines.length).toBeLessThanOrEqual(rows);
  });

  it('keep the status in sight', () => {
    expect(screen(long, 80, 24).join('\n')).toContain('RUNNING');
  });

  it('steer no terminal', () => {
    const evil = {
      ...baking,
      reason: '\u001b[2J\u009b31m\u202egone',
      versions: { stable: 'v1\r', canary: 'v\u0007' },
    };
    const lines = screen(stateOf(evil), 80, 24).join('');
    expect([...lines].filter((character) => /\p{Cc}|\u202e/u.test(character))).toEqual([]);
  });
});

describe('a terminal that can do less', () => {
  it.each(all)('gets nothing but ASCII when it asks for it: %s', (_name, state) => {
    const wide = {
      ...state,
      ascii: true,
      decisions: [{ at: baking.createdAt, by: 'you' as const, text: '版 é ✓' }],
    };
    for (const line of screen(wide, 200, 50)) expect(line).toMatch(/^[\x20-\x7e]*$/);
  });

  it('gets no colour when it asks for none', () => {
    expect(screen(moments['rolled back'], 80, 24).join('')).not.toContain('\u001b');
  });

  it('sees the same words with colours as without', () => {
    const coloured = screen({ ...moments.baking, colour: true }, 80, 24);
    const codes = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g');
    expect(coloured.join('')).toContain('\u001b[36m');
    expect(coloured.map((line) => line.replaceAll(codes, ''))).toEqual(screen(moments.baking, 80, 24));
  });
});
