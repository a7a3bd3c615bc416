import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readRuleGroups } from '../../src/alert-rules/rule-groups.ts';

const errors = {
  alert: 'Errors',
  expr: 'a > 1',
  for: '5m',
  labels: { severity: 'critical', tier: 1 },
  annotations: {},
};
const groups = [
  { name: 'payments', interval: '30s', rules: [{ record: 'a', expr: 'b' }, errors] },
  { name: 'none', rules: [] },
];
const rules = [
  {
    group: 'payments',
    rule: { alert: 'Errors', expr: 'a > 1', for: '5m', labels: { severity: 'critical', tier: '1' } },
  },
];
const object = {
  apiVersion: 'monitoring.coreos.com/v1',
  kind: 'PrometheusRule',
  metadata: {},
  spec: { groups },
};

describe('alert rules are read, and recording rules left out', () => {
  it.each([
    ['a rule file', { groups }],
    ['a PrometheusRule', object],
    [
      'a list of PrometheusRules, as kubectl prints it',
      { kind: 'List', items: [object, { ...object, spec: {} }] },
    ],
  ])('from %s', (_, document) => {
    expect(readRuleGroups(document)).toEqual({ kind: 'read', rules });
  });

  it('with a duration of 0 that has no unit', () => {
    const document = { groups: [{ name: 'a', rules: [{ alert: 'A', expr: 1, for: 0 }] }] };
    expect(readRuleGroups(document)).toMatchObject({ rules: [{ rule: { expr: '1', for: '0' } }] });
  });
});

describe('a file with a fault is not read, and the fault says where it is', () => {
  const inGroup = (...all: unknown[]) => ({ groups: [{ name: 'payments', rules: all }] });
  it.each([
    [null, 'is neither a rule file (groups: at its top) nor a PrometheusRule'],
    [
      { kind: 'VirtualService', spec: {} },
      'is neither a rule file (groups: at its top) nor a PrometheusRule',
    ],
    [
      { kind: 'List', items: [object, {}] },
      'is neither a rule file (groups: at its top) nor a PrometheusRule',
    ],
    [{ groups: ['x'] }, expect.stringMatching(/^group 1 /)],
    [{ groups: [{ rules: [] }] }, 'group 1 has no name'],
    [{ groups: [{ name: 'a', rules: {} }] }, 'group 1 has no list of rules'],
    [inGroup(errors, { alert: 'B' }), 'group "payments", rule 2 (B): expr: has no expr'],
    [
      inGroup({ alert: 'B', expr: 'a', for: 300 }),
      'group "payments", rule 1 (B): for: write a duration such as 5m',
    ],
    [inGroup({ expr: 'a' }), 'group "payments", rule 1: has neither alert nor record'],
    [inGroup({ alert: 'B', record: 'c', expr: 'a' }), 'group "payments", rule 1 (B): has alert and record'],
  ])('%j', (document, fault) => {
    expect(readRuleGroups(document)).toEqual({ kind: 'faulty', faults: [fault] });
  });

  it('whatever is in it', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (rule, spec) => {
        for (const document of [rule, inGroup(rule), { groups: [spec] }, { ...object, spec }]) {
          const read = readRuleGroups(document);
          if (read.kind === 'faulty') expect(read.faults.length).toBeGreaterThan(0);
        }
      }),
    );
  });
});
