import { defineCheck } from '../check.ts';
import type { Failure } from '../finding.ts';
import { bounded, error, orPass, skip } from '../judgement.ts';
import type { ErrorBudget, Subject } from '../snapshot.ts';

/**
 * The plan names the series, since every bank's recording rules have names of their own; whoever names one does not want
 * to start without it. What is spent to the last is
 * told even where nothing needs to be left: many rules record no less than 0.
 * Source: https://sre.google/workbook/implementing-slos/
 */
export const budgetsLeft = defineCheck({
  id: 'PF-AL-05',
  title: 'The error budgets that the plan names are not spent',
  family: 'alerts',
  priority: 'P1',
  codes: [],
  again: false,
  severity: 'error',
  needs: ['errorBudgets'],
  judge: ({ errorBudgets }, subject) => {
    if (errorBudgets.length === 0) return [skip('the plan names no error budget')];
    const failures = errorBudgets.flatMap((budget) => judge(budget, subject));
    const read = errorBudgets.map(
      ({ query, left, min }) => `${query} has ${percent(left)} left of the ${percent(min)} that it needs`,
    );
    return orPass(bounded(failures), read.join('; '));
  },
});

function judge(budget: ErrorBudget, { canary }: Subject): Failure[] {
  const { query, left, min } = budget;
  if (left === null || Number.isNaN(left)) return [withoutValue(budget)];
  if (left >= min && left > 0) return [];
  const what = left < 0 ? `is overspent by ${percent(-left)}` : `has ${percent(left)} left`;
  return [
    error({
      read: `the error budget ${query} ${what}; ${percent(min)} is the least`,
      means: `users have had more failures than they were promised, or nearly: whatever ${canary.version} adds comes on top`,
      mend: `wait until it has recovered, or agree on the risk and waive PF-AL-05 with the reason; to see it over time, ask Prometheus for ${query}`,
    }),
  ];
}

function withoutValue({ query }: ErrorBudget): Failure {
  return error({
    read: `the error budget ${query} has no value`,
    means: 'nobody knows whether there is anything left of what users were promised',
    mend: `see that the rule records it (kubectl get prometheusrules -A), or write the right series and labels into readiness.errorBudgets of the plan`,
  });
}

function percent(ratio: number | null): string {
  return `${Number(((ratio ?? 0) * 100).toPrecision(3))} %`;
}
