import { flowed, type Line, piece } from './line.ts';
import type { ScreenState } from './state.ts';

/** The keys and what they do; those that make no sense now are dim and stand without their key in bold. */
export function keyBar({ keys }: ScreenState, columns: number): Line[] {
  const groups = keys.map(({ key, label, isOpen }) =>
    isOpen ? [piece(`[${key}]`, 'bold'), piece(` ${label}`)] : [piece(` ${key}  ${label}`, 'dim')],
  );
  const hasClosed = keys.some(({ isOpen }) => !isOpen);
  const legend = hasClosed ? [[piece('(without brackets: off now)', 'dim')]] : [];
  return flowed([...groups, ...legend], piece('  '), columns);
}
