import { describe, expect, it } from 'vitest';
import { allChecks } from '../../src/readiness/all-checks.ts';
import { rule } from '../../src/readiness/policy.ts';
import { runChecks } from '../../src/readiness/run-checks.ts';
import type { Snapshot } from '../../src/readiness/snapshot.ts';
import { checklistOf } from '../../src/rollout/checklist-parts.ts';
import { misfits } from '../../src/rollout/plan-fits.ts';
import { usualPlanFor } from '../../src/rollout/usual-plan.ts';
import { paymentTarget } from '../fakes/rollouts.ts';
import { healthy, noon, read, unread } from '../readiness/healthy.ts';

function rowsOf(changes: Partial<Snapshot> = {}) {
  const rulings = rule(runChecks(allChecks, healthy(changes)), { block: ['error'], waivers: [] }, noon);
  const parts = checklistOf(rulings);
  const rows = parts.flatMap((part) => part.rows);
  return { parts, rows, row: (id: string) => rows.find((one) => one.id === id) };
}

const caller = (workload: string) => ({
  workload,
  namespace: 'order-prod',
  principal: null,
  requestsPerSecond: 10,
  plaintextPerSecond: 10,
});

describe('a checklist', () => {
  it('has one row for each check, whatever it found, in the priority of the check', () => {
    const { parts, rows } = rowsOf({ callers: read([caller('one'), caller('two')]) });
    expect(rows.map(({ id }) => id).sort()).toEqual(allChecks.map(({ id }) => id).sort());
    for (const { priority, rows: own } of parts) {
      const ids = allChecks.filter((check) => check.priority === priority).map(({ id }) => id);
      expect(own.map(({ id }) => id)).toEqual(ids);
    }
  });

  it('has the worst of what a check found as its state, and keeps all of it', () => {
    const { row } = rowsOf({ callers: read([caller('one')], ['order-prod has too many series']) });
    expect(row('PF-MT-02')).toMatchObject({ state: 'fail', severity: 'error' });
    expect(row('PF-MT-02')?.findings.map(({ result }) => result)).toEqual(['fail', 'unknown']);
  });

  it('counts what cannot be read as unknown, and never as passed', () => {
    const [before, after] = [rowsOf(), rowsOf({ peerAuthentications: unread('no right') })];
    const lost = after.rows.filter(({ state }) => state === 'unknown').length;
    const passed = ({ parts }: typeof before) =>
      parts.reduce((total, { counts }) => total + counts.passed, 0);
    expect(lost).toBeGreaterThan(0);
    expect(passed(after)).toBe(passed(before) - lost);
  });
});

describe('the usual plan', () => {
  it('fits a target whatever its routes are: without an http route there is nothing to check', () => {
    const tls = { kind: 'tls' as const, port: 443, sniHosts: ['pay.bank.example'] };
    const routes = paymentTarget.routes.map((route) => ({ ...route, key: tls }));
    const target = { ...paymentTarget, routes };
    expect(Object.keys(usualPlanFor(target).checks)).toEqual([]);
    expect(misfits(usualPlanFor(target), target)).toEqual([]);
    expect(Object.keys(usualPlanFor(paymentTarget).checks)).toEqual(['errorRate', 'p99']);
    expect(misfits(usualPlanFor(paymentTarget), paymentTarget)).toEqual([]);
  });

  it('asks for the default deny and the STRICT mTLS that a bank wants of every namespace', () => {
    expect(usualPlanFor(paymentTarget).readiness).toEqual({ defaultDeny: true, mutualTls: 'STRICT' });
  });
});
