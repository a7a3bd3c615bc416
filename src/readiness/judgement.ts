import type { Failure, Judgement, ObjectRef, Severity } from './finding.ts';
import type { Metadata } from './objects.ts';

/** @param read what was seen, so that people can believe it */
export function pass(read: string): Judgement {
  return { result: 'pass', read };
}

/** @param read why the check has nothing to say here */
export function skip(read: string): Judgement {
  return { result: 'skip', read };
}

/** @param mend what makes it known */
export function unknown(read: string, mend: string): Judgement {
  return { result: 'unknown', read, mend };
}

/** What is wrong, as something that keeps a rollout from starting. */
export function error(failure: Omit<Failure, 'result' | 'severity'>): Failure {
  return fail('error', failure);
}

export function warn(failure: Omit<Failure, 'result' | 'severity'>): Failure {
  return fail('warn', failure);
}

export function info(failure: Omit<Failure, 'result' | 'severity'>): Failure {
  return fail('info', failure);
}

function fail(severity: Severity, failure: Omit<Failure, 'result' | 'severity'>): Failure {
  return { result: 'fail', severity, ...failure };
}

/** The failures, or that all is well when there are none. */
export function orPass(failures: readonly Judgement[], read: string): Judgement[] {
  return failures.length > 0 ? [...failures] : [pass(read)];
}

export function refTo(kind: string, { namespace, name }: Pick<Metadata, 'namespace' | 'name'>): ObjectRef {
  return { kind, namespace: namespace ?? null, name };
}

const mostOfAKind = 5;

/** The first five of these failures; the last of them says how many more there are. */
export function bounded(failures: readonly Failure[]): Failure[] {
  const shown = failures.slice(0, mostOfAKind);
  const more = failures.length - shown.length;
  const last = shown.at(-1);
  if (more === 0 || last === undefined) return shown;
  return [...shown.slice(0, -1), { ...last, read: `${last.read} (and ${more} more like it)` }];
}
