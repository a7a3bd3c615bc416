import type { Moved } from './moved.ts';

/** What each destination of a route gets: `v1 100 % (weight 3 of 3), v2 0 % (weight 0 of 3)`. */
export function weightsIn({ entry }: Pick<Moved, 'entry'>): string {
  const all = entry.route ?? [];
  const total = all.reduce((sum, { weight }) => sum + (weight ?? 0), 0);
  return all
    .map(({ destination, weight }) => {
      const name = destination?.subset || destination?.host || 'a destination without a host';
      if (all.length === 1) return `${name} 100 % (the only destination)`;
      const share = total === 0 ? 0 : Math.round(((weight ?? 0) / total) * 10_000) / 100;
      return `${name} ${share} % (weight ${weight ?? 0} of ${total})`;
    })
    .join(', ');
}
