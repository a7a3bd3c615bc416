import type { Priority, Severity } from '../readiness/finding.ts';
import type { Ruling } from '../readiness/policy.ts';

/** What a check says now. It has failed when anything that it looks at has. */
type CheckState = Ruling['result'];

/** A check with all that it found; `severity` is that of its gravest failure, null when there is none. */
type ChecklistRow = Pick<Ruling, 'id' | 'title' | 'family' | 'codes' | 'again'> & {
  state: CheckState;
  severity: Severity | null;
  findings: Ruling[];
};

/** How many checks say what: `failed` have the severity error, `warned` weigh less. */
type ChecklistCounts = {
  checks: number;
  passed: number;
  failed: number;
  warned: number;
  unknown: number;
  skipped: number;
};

export type ChecklistPart = { priority: Priority; counts: ChecklistCounts; rows: ChecklistRow[] };

/** Findings as a bank's checklist: a row for each check, by priority, in the order of the checks. */
export function checklistOf(rulings: readonly Ruling[]): ChecklistPart[] {
  return (['P0', 'P1', 'P2'] as const).map((priority) => {
    const rows = rowsOf(rulings.filter((ruling) => ruling.priority === priority));
    return { priority, counts: countsOf(rows), rows };
  });
}

function rowsOf(rulings: readonly Ruling[]): ChecklistRow[] {
  const ids = [...new Set(rulings.map(({ id }) => id))];
  return ids.flatMap((id) => {
    const findings = rulings.filter((ruling) => ruling.id === id);
    const [first] = findings;
    if (first === undefined) return [];
    const { title, family, codes, again } = first;
    const state = states.find((one) => findings.some(({ result }) => result === one)) ?? first.result;
    return { id, title, family, codes, again, state, severity: gravestOf(findings), findings };
  });
}

/** The gravest first: of what is unknown nobody may say that it passed. */
const states: CheckState[] = ['fail', 'unknown', 'pass', 'skip'];

function gravestOf(findings: readonly Ruling[]): Severity | null {
  const found = findings.flatMap((finding) => (finding.result === 'fail' ? [finding.severity] : []));
  return (['error', 'warn', 'info'] as const).find((severity) => found.includes(severity)) ?? null;
}

function countsOf(rows: readonly ChecklistRow[]): ChecklistCounts {
  const inState = (state: CheckState) => rows.filter((row) => row.state === state);
  const failed = rows.filter(({ severity }) => severity === 'error').length;
  return {
    checks: rows.length,
    passed: inState('pass').length,
    failed,
    warned: inState('fail').length - failed,
    unknown: inState('unknown').length,
    skipped: inState('skip').length,
  };
}
