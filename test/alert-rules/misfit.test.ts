import { describe, expect, it } from 'vitest';
import { type CanaryLabels, misfitOf } from '../../src/alert-rules/misfit.ts';
import type { ServedMatcher } from '../../src/alert-rules/selection.ts';

const canary: CanaryLabels = {
  destination_service: 'payment.payments.svc.cluster.local',
  destination_service_name: 'payment',
  destination_service_namespace: 'payments',
  destination_version: 'v2',
  destination_workload: 'payment-v2',
};

const misfit = (label: ServedMatcher['label'], operator: ServedMatcher['operator'], value: string) =>
  misfitOf({ reporter: 'destination', served: [{ label, operator, value }], by: [] }, canary);

describe('a rule is about a canary', () => {
  it.each([
    ['destination_service_name', '=', 'payment'],
    ['destination_service', '=~', 'payment\\.payments\\.svc.*'],
    ['destination_service', '=~', 'payment[.]payments[.].+'],
    ['destination_workload', '=~', 'payment-.*'],
    ['destination_workload', '=~', '^(payment-v1|payment-v2)$'],
    ['destination_workload', '=~', 'payment-v.'],
    ['destination_workload', '=~', '.*v2'],
    ['destination_workload', '=~', 'p?payment-v+2*'],
    ['destination_workload', '!~', 'grafana|prometheus.*'],
    ['destination_service_namespace', '!=', 'istio-system'],
  ] as const)('that its %s%s"%s" selects', (label, operator, value) => {
    expect(misfit(label, operator, value)).toBeNull();
  });

  it('when it names nothing at all', () => {
    expect(misfitOf({ reporter: 'any', served: [], by: [] }, canary)).toBeNull();
  });
});

describe('a rule is not about a canary', () => {
  it.each([
    [
      'destination_service_name',
      '=',
      'ledger',
      /"ledger", and the canary's destination_service_name is "payment"/,
    ],
    ['destination_service_namespace', '=', 'shop', /it is a rule for others/],
    ['destination_version', '=', 'v1', /destination_version is "v2"/],
    ['destination_workload', '=', 'payment', /destination_workload is "payment-v2"/],
    ['destination_workload', '=~', 'payment', /it is a rule for others/],
    ['destination_workload', '=~', 'pay', /it is a rule for others/],
    ['destination_service', '=~', 'payment', /it is a rule for others/],
    ['destination_service', '=~', 'payment\\.payments', /it is a rule for others/],
    ['destination_service_name', '!=', 'payment', /it is a rule for others/],
    ['destination_service_name', '!~', 'pay.*', /it is a rule for others/],
    [
      'destination_canonical_service',
      '=',
      'payment',
      /which destination_canonical_service the canary has is not known/,
    ],
    ['destination_workload', '=~', 'payment-v[0-9]', /a pattern that canaryd does not read/],
    ['destination_workload', '=~', 'payment-(v1|v2)', /a pattern that canaryd does not read/],
    ['destination_workload', '!~', '(a+)+$', /a pattern that canaryd does not read/],
  ] as const)('that its %s%s"%s" leaves out', (label, operator, value, why) => {
    expect(misfit(label, operator, value)).toMatch(why);
  });

  it('by a pattern that would keep a backtracking matcher busy for ever', { timeout: 2000 }, () => {
    const value = `${'.*a'.repeat(3000)}b`;
    const served = [{ label: 'destination_service', operator: '=~', value } as const];
    const long = { destination_service: 'a'.repeat(253) };
    expect(misfitOf({ reporter: 'any', served, by: [] }, long)).toMatch(/rule for others/);
  });
});
