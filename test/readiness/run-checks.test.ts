import { describe, expect, it } from 'vitest';
import { allChecks } from '../../src/readiness/all-checks.ts';
import type { Check } from '../../src/readiness/check.ts';
import { runChecks } from '../../src/readiness/run-checks.ts';
import { healthy } from './healthy.ts';

const facts = {
  id: 'PF-VS-99',
  title: 'Nothing is broken',
  family: 'virtual-service',
  priority: 'P0',
  codes: [],
  again: true,
  severity: 'error',
} as const;

const throwing = (what: unknown): Check => ({
  ...facts,
  needs: [],
  run: () => {
    throw what;
  },
});

describe('a check that fails itself', () => {
  it('is unknown, with its own facts and without what its error says', () => {
    const broken = throwing(new TypeError('cannot read the token s3cr3t'));
    expect(runChecks([broken], healthy())).toEqual([
      {
        ...facts,
        result: 'unknown',
        read: 'the check failed: TypeError',
        mend: 'report it as a fault of canaryd, with the id of the check and the version of canaryd',
      },
    ]);
  });

  it('keeps no other check from its answer, nor from its place', () => {
    const snapshot = healthy();
    const [first, ...others] = allChecks;
    if (first === undefined) throw new Error('there are checks');
    const findings = runChecks([first, throwing(new RangeError('deep')), ...others], snapshot);
    expect(findings.filter(({ id }) => id !== facts.id)).toEqual(runChecks(allChecks, snapshot));
    expect(findings.findIndex(({ id }) => id === facts.id)).toBe(runChecks([first], snapshot).length);
  });

  it('is unknown whatever it throws', () => {
    expect(runChecks([throwing('a text')], healthy())).toMatchObject([
      { result: 'unknown', read: 'the check failed: string' },
    ]);
  });
});
