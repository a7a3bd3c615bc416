import type { ErrorBudget, Fact } from '../readiness/snapshot.ts';
import type { MetricsQuestion } from '../rollout/ports/readiness.ts';
import type { Answer, Row } from './answer.ts';
import { quoted } from './promql.ts';
import { found, unread } from './surroundings-facts.ts';

type PlannedBudget = MetricsQuestion['errorBudgets'][number];

/** The recorded series that a budget names. The plan holds its names to the letters of names; values may be any text. */
export function budgetQuery({ series, labels }: Pick<PlannedBudget, 'series' | 'labels'>): string {
  const matchers = Object.entries(labels).map(([name, value]) => `${name}=${quoted(value)}`);
  return matchers.length === 0 ? series : `${series}{${matchers.join(',')}}`;
}

/** A budget, and what came of asking for it. */
type Answered = { min: number; query: string; answer: Answer };

/** What is left of each budget. One that several series answer for, or none of which could be asked, is a gap. */
export function budgetsFrom(answered: readonly Answered[]): Fact<ErrorBudget[]> {
  const failures = answered.flatMap(({ answer }) => (answer.kind === 'failed' ? [answer.why] : []));
  if (failures[0] !== undefined && failures.length === answered.length) return unread(failures[0]);
  const parts = answered.map(budgetFrom);
  return found(
    parts.flatMap((part) => (typeof part === 'string' ? [] : [part])),
    parts.filter((part) => typeof part === 'string'),
  );
}

function budgetFrom({ min, query, answer }: Answered): ErrorBudget | string {
  if (answer.kind === 'failed') return `${query}: ${answer.why}`;
  const [row, ...others] = answer.rows;
  if (row !== undefined && others.length > 0) return severalOf(query, [row, ...others]);
  return { query, left: row !== undefined && Number.isFinite(row.value) ? row.value : null, min };
}

function severalOf(query: string, rows: [Row, ...Row[]]): string {
  const names = [...new Set(rows.flatMap(({ labels }) => Object.keys(labels)))];
  const apart = names.filter((name) => new Set(rows.map(({ labels }) => labels[name])).size > 1).toSorted();
  const [name = 'service'] = apart;
  const example = `${name}: ${JSON.stringify(rows.map(({ labels }) => labels[name]).find(Boolean) ?? '...')}`;
  const differ = apart.length === 0 ? '' : `, which differ by ${apart.slice(0, 5).join(', ')}`;
  return `${query} has ${rows.length} series${differ}: choose one by labels in the plan, such as {${example}}`;
}
