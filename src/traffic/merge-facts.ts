import type { Fact } from '../readiness/snapshot.ts';

/** One fact made of several lists. It was read when one of them was: then what is missing of the others is a gap. */
export function mergeFacts<Item>(facts: readonly Fact<Item[]>[]): Fact<Item[]> {
  const read = facts.flatMap((fact) => (fact.kind === 'read' ? [fact] : []));
  const unread = facts.flatMap((fact) => (fact.kind === 'unread' ? [fact] : []));
  if (read.length === 0 && unread.length > 0)
    return {
      kind: 'unread',
      why: distinct(unread.map(({ why }) => why)),
      mend: distinct(unread.map(({ mend }) => mend)),
    };
  const gaps = [...read.flatMap(({ gaps: some }) => some ?? []), ...unread.map(({ why }) => why)];
  return readFact(
    read.flatMap(({ value }) => value),
    gaps,
  );
}

export function readFact<Value>(value: Value, gaps: readonly string[] = []): Fact<Value> {
  return gaps.length === 0 ? { kind: 'read', value } : { kind: 'read', value, gaps: [...gaps] };
}

function distinct(sentences: readonly string[]): string {
  return [...new Set(sentences)].join('; ');
}
