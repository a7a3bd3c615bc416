import type { RolloutSeen, StepSeen } from '../client.ts';
import { flowed, type Line, piece, type Segment, type Style } from './line.ts';
import { duration, percent } from './numbers.ts';
import type { ScreenState } from './state.ts';
import { type Symbols, symbolsOf } from './symbols.ts';

const wentWrong = ['rolling_back', 'rolled_back', 'rollback_failed', 'preflight_failed', 'cancelled'];

/** The steps of the plan in their order: done, now, to come. */
export function rail(state: ScreenState, release: RolloutSeen, columns: number): Line[] {
  const symbols = symbolsOf(state);
  const groups = release.plan.steps.map((step, index) => {
    const { mark, style } = standing(state, release, index);
    return [piece(`${symbols[mark]} ${stepName(step)}`, style)];
  });
  const between: Segment = piece(` ${symbols.line} `, 'dim');
  return flowed(groups, between, columns);
}

/** A step in a word or two. */
export function stepName(step: StepSeen): string {
  switch (step.type) {
    case 'setWeight':
      return percent(step.weight ?? 0);
    case 'bake':
      return `bake ${duration(step.duration ?? 0)}`;
    case 'pause':
      return step.duration === undefined ? 'pause' : `wait ${duration(step.duration)}`;
    case 'promote':
      return 'promote';
    default:
      return step.type;
  }
}

/** How one step stands, as a mark and a style. */
export function standing(
  { reached }: ScreenState,
  { status, step }: RolloutSeen,
  index: number,
): {
  mark: keyof Pick<Symbols, 'done' | 'now' | 'toCome' | 'failed' | 'waiting'>;
  style: Style;
  words: string;
} {
  const at = step?.index ?? reached;
  if (status === 'succeeded' || (index < at && status !== 'preflight'))
    return { mark: 'done', style: 'good', words: 'done' };
  if (index > at || status === 'preflight') return { mark: 'toCome', style: 'dim', words: 'to come' };
  if (wentWrong.includes(status)) return { mark: 'failed', style: 'bad', words: 'ended here' };
  if (status === 'holding' || status === 'paused') return { mark: 'waiting', style: 'warn', words: status };
  return { mark: 'now', style: 'accent', words: 'now' };
}
