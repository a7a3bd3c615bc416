import { hasEnded, type RolloutSeen, type StepSeen } from '../client.ts';
import { clipped, type Line, lineWidth, piece } from './line.ts';
import { minutes, percent, trimmed } from './numbers.ts';
import { stepName } from './rail.ts';
import type { ScreenState } from './state.ts';
import { type Symbols, symbolsOf } from './symbols.ts';

export const labelColumns = 8;
const widestBar = 40;
const narrowestBar = 8;

/** The canary's share as a bar, and what was asked for, read back and seen at the callers. */
export function weightBar(state: ScreenState, release: RolloutSeen, columns: number): Line[] {
  const symbols = symbolsOf(state);
  const { desired, applied } = release.weight;
  // Nobody measures after the end: the last value would stand there for ever.
  const observed = hasEnded(release) ? null : (release.weight.observed ?? null);
  const seen = observed === null ? [] : [piece(` ${symbols.dot} observed ${trimmed(observed)}`)];
  const asked = piece(`desired ${trimmed(desired)}`, desired === applied ? 'plain' : 'warn');
  const tail = [
    piece(`  ${percent(applied).padStart(5)}  `, 'bold'),
    asked,
    piece(` ${symbols.dot} applied ${trimmed(applied)}`),
    ...seen,
  ];
  const bar = (width: number) => {
    const [from, to] = [Math.min(desired, applied), Math.max(desired, applied)];
    const full = cells(from / 100, width);
    const moving = Math.max(cells(to / 100, width) - full, to > from ? 1 : 0);
    const shown = Math.min(moving, width - full);
    return [
      piece(symbols.full.repeat(full), 'accent'),
      piece(symbols.moving.repeat(shown), 'warn'),
      piece(symbols.empty.repeat(width - full - shown), 'dim'),
    ];
  };
  return labelled('Weight', { bar, tail }, columns, symbols);
}

/** How far the present step has come, and what follows it; nothing for a step without a time. */
export function bakeBar(state: ScreenState, { plan, step }: RolloutSeen, columns: number): Line[] {
  const { clock } = state;
  if (clock === null || step === null) return [];
  const symbols = symbolsOf(state);
  const elapsed = Math.min(clock.elapsedSeconds, clock.ofSeconds);
  const tail = [
    piece(`  ${minutes(elapsed)} of ${minutes(clock.ofSeconds)}`, 'bold'),
    piece(clock.stands ? '  stands still' : '', 'warn'),
    piece(`  then ${whatFollows(plan.steps[step.index + 1])}`),
  ];
  const bar = (width: number) => {
    const full = cells(clock.ofSeconds === 0 ? 1 : elapsed / clock.ofSeconds, width);
    return [
      piece(symbols.full.repeat(full), clock.stands ? 'warn' : 'good'),
      piece(symbols.empty.repeat(width - full), 'dim'),
    ];
  };
  return labelled(step.type === 'pause' ? 'Wait' : 'Bake', { bar, tail }, columns, symbols);
}

function whatFollows(step: StepSeen | undefined): string {
  return step === undefined ? 'the end' : stepName(step);
}

type Parts = { bar: (width: number) => Line; tail: Line };

/** Label, bar and words in one line; the words go below where they leave no room for the bar. */
function labelled(label: string, { bar, tail }: Parts, columns: number, symbols: Symbols): Line[] {
  const head = piece(label.padEnd(labelColumns), 'dim');
  const room = columns - labelColumns - lineWidth(tail);
  if (room >= narrowestBar) return [[head, ...bar(Math.min(room, widestBar)), ...tail]];
  const below = [piece(' '.repeat(labelColumns - 2)), ...tail];
  const width = Math.max(0, Math.min(columns - labelColumns, widestBar));
  return [[head, ...bar(width)], clipped(below, columns, symbols.ellipsis)];
}

function cells(ratio: number, width: number): number {
  return Math.max(0, Math.min(width, Math.round(ratio * width)));
}
