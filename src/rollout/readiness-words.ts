import type { Ruling } from '../readiness/policy.ts';
import type { AuditFacts } from './audit.ts';
import type { ReadinessReport } from './readiness-report.ts';
import * as say from './say.ts';

/**
 * What stands in the way of a start, in words, and for how many milliseconds it may pass by itself before the start is
 * given up; null is for as long as it takes.
 */
export type StartObstacle = { why: string; patienceMs: number | null };

/** What may pass by itself, such as an alert or a pod that starts, is waited for so long. */
const patienceMs = 60_000;
/** Not asked again on the way, but true of this moment only: requests and pods of a new release come within seconds. */
const passing = ['PF-PR-02', 'PF-PR-03', 'PF-WL-03', 'PF-WL-06'];

/** What was found of a target's readiness that keeps a rollout from starting, or from a raise; null for nothing. */
export function notReady(report: ReadinessReport): (StartObstacle & { check: string }) | null {
  const [first, ...others] = report.rulings.filter(({ blocks }) => blocks);
  if (first === undefined) return null;
  const more = others.length === 0 ? '' : `; and ${othersInWords(first.id, others)}`;
  const mayPass = [first, ...others].every(canPass);
  return { check: first.id, why: `${inWords(first)}${more}`, patienceMs: mayPass ? patienceMs : 0 };
}

function canPass({ id, again, result }: Ruling): boolean {
  return again || result === 'unknown' || passing.includes(id);
}

/** One finding as a sentence without its full stop: what was read, what it means, how to mend it. */
function inWords(ruling: Ruling): string {
  const { id, result, read, waiver } = ruling;
  const ended = waiver?.expired === true ? [`its waiver ended ${new Date(waiver.until).toISOString()}`] : [];
  const means = result === 'fail' ? [ruling.means] : [];
  const mend = result === 'fail' || result === 'unknown' ? [ruling.mend] : [];
  return [`${id}: ${say.inner(read)}`, ...[...means, ...ended, ...mend].map(say.inner)].join('; ');
}

/** Such as `PF-PR-04 once more, PF-VS-04`. */
function othersInWords(id: string, others: readonly Ruling[]): string {
  const same = others.filter((one) => one.id === id).length;
  const more = same === 0 ? [] : [`${id} ${same === 1 ? 'once' : `${same} times`} more`];
  const different = others.filter((one) => one.id !== id);
  return [...more, ...(different.length === 0 ? [] : [namesOf(different)])].join(', ');
}

/** Ids, each once. */
function namesOf(rulings: readonly Ruling[]): string {
  const names = [...new Set(rulings.map(({ id }) => id))];
  return names.length > 5 ? `${names.slice(0, 5).join(', ')} and ${names.length - 5} more` : names.join(', ');
}

/** What was found, in one line: `2 errors, 1 warning, 3 unknown, 40 passed`. */
export function summaryInWords({ summary }: ReadinessReport): string {
  const { error, warn, info, unknown, passed, waived } = summary;
  const parts = [
    counted(error, 'error', 'errors'),
    counted(warn, 'warning', 'warnings'),
    counted(info, 'note', 'notes'),
    counted(unknown, 'unknown', 'unknown'),
    counted(waived, 'waived', 'waived'),
    [`${passed} passed`],
  ];
  return parts.flat().join(', ');
}

function counted(count: number, one: string, many: string): string[] {
  return count === 0 ? [] : [`${count} ${count === 1 ? one : many}`];
}

/** The report as the audit log keeps it: what failed, with its waiver, what is not known, and how many of each. */
export function auditedFacts({ at, rulings, summary }: ReadinessReport): AuditFacts {
  const unknown = rulings.filter(({ result }) => result === 'unknown').map(({ id }) => id);
  return { at, summary: { ...summary }, findings: rulings.flatMap(audited), unknown: [...new Set(unknown)] };
}

function audited(ruling: Ruling): AuditFacts[] {
  if (ruling.result !== 'fail') return [];
  const { id, severity, read, means, mend, blocks, waiver } = ruling;
  return [{ id, severity, read, means, mend, blocks, waiver: waiver && { ...waiver } }];
}
