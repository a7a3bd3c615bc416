import type { Target } from './target.ts';

/** What is not watched of destinations that have no pods to look at, as parts of sentences. */
export function podlessWarnings({ stable, canary }: Pick<Target, 'stable' | 'canary'>): string[] {
  const without = [stable, canary].filter(({ podLabels }) => podLabels === null);
  if (without.length === 0) return [];
  const names = without.map(({ version }) => version).join(' and ');
  return [
    `behind ${names} are no pods to look at, as the ServiceEntry selects none: that there are ready ones is not watched there, nor a change of images, and metrics of the callers alone decide`,
  ];
}
