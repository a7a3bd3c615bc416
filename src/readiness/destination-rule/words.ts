import type { Failure } from '../finding.ts';
import type { Labels } from '../objects.ts';
import type { Arm } from '../snapshot.ts';

/** `version=v2,app=payment-service`, as `kubectl -l` takes it. */
export function labelWords(labels: Readonly<Labels>): string {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  return pairs.length > 0 ? pairs.toSorted().join(',') : 'no labels';
}

/** ` -l version=v2` for a command, or nothing where all are meant. */
export function selectorFlag(labels: Readonly<Labels>): string {
  return Object.keys(labels).length > 0 ? ` -l ${labelWords(labels)}` : '';
}

/** The first five, and how many more there are. */
export function listWords(names: readonly string[]): string {
  const more = names.length > 5 ? ` and ${names.length - 5} more` : '';
  return `${names.slice(0, 5).join(', ')}${more}`;
}

/** `subset v2 of payment-prod/payment-service`, or the Service alone. */
export function armWords({ subset, service }: Arm): string {
  const name = `${service.namespace}/${service.name}`;
  return subset === null ? `Service ${name}` : `subset ${subset} of ${name}`;
}

export function countWords(count: number, thing: string): string {
  return count === 1 ? `1 ${thing}` : `${count} ${thing}s`;
}

/** At most five failures; the last says how many more there are. */
export function bounded(failures: readonly Failure[]): Failure[] {
  const more = failures.length - 5;
  return failures
    .slice(0, 5)
    .map((one, at) => (more > 0 && at === 4 ? { ...one, read: `${one.read}, and ${more} more` } : one));
}
