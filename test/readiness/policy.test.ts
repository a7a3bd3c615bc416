import { describe, expect, it } from 'vitest';
import type { Finding, Judgement } from '../../src/readiness/finding.ts';
import { error, info, pass, skip, unknown, warn } from '../../src/readiness/judgement.ts';
import { type Policy, rule, summaryOf } from '../../src/readiness/policy.ts';
import { day, noon } from './healthy.ts';

const wrong = { read: 'v2 is left out', means: 'it would be denied', mend: 'select it' };

function finding(id: string, judgement: Judgement): Finding {
  const facts = {
    title: 'Policies select both',
    family: 'authorization',
    priority: 'P0',
    codes: [],
  } as const;
  return { id, ...facts, again: false, severity: 'error', ...judgement };
}

const findings = [
  finding('PF-AZ-02', error(wrong)),
  finding('PF-DR-03', warn(wrong)),
  finding('PF-VS-09', info(wrong)),
  finding('PF-CR-03', unknown('no right to read it', 'give the right')),
  finding('PF-SC-01', pass('3 of 3 pods have a proxy')),
  finding('PF-SC-08', skip('no waypoint is used')),
];

const policyWith = (changes: Partial<Policy> = {}): Policy => ({ block: ['error'], waivers: [], ...changes });
const blockedBy = (policy: Policy, at = noon) =>
  rule(findings, policy, at)
    .filter(({ blocks }) => blocks)
    .map(({ id }) => id);

describe('What findings mean for a rollout', () => {
  it('only an error blocks unless the plan says more', () => {
    expect(blockedBy(policyWith())).toEqual(['PF-AZ-02']);
  });

  it('blocks on what is not known where the plan says so, and never on what passed or does not apply', () => {
    const block = ['error', 'warn', 'info', 'unknown'] as const;
    expect(blockedBy(policyWith({ block }))).toEqual(['PF-AZ-02', 'PF-DR-03', 'PF-VS-09', 'PF-CR-03']);
  });

  it('a waiver lets exactly the check that it names pass, until its end', () => {
    const waiver = { check: 'PF-AZ-02', reason: 'CHG0041234', until: noon + day };
    const policy = policyWith({ block: ['error', 'warn'], waivers: [waiver] });
    expect(blockedBy(policy)).toEqual(['PF-DR-03']);
    expect(blockedBy(policy, noon + day)).toEqual(['PF-AZ-02', 'PF-DR-03']);
  });

  it('a waiver that has ended is told beside what it no longer covers', () => {
    const waiver = { check: 'PF-AZ-02', reason: 'CHG0041234', until: noon };
    const [first] = rule(findings, policyWith({ waivers: [waiver] }), noon);
    expect(first?.waiver).toEqual({ reason: 'CHG0041234', until: noon, expired: true });
  });

  it('of several waivers for one check the one that ends last counts', () => {
    const waivers = [noon + day, noon + 3 * day, noon].map((until) => ({
      check: 'PF-AZ-02',
      reason: `until ${until}`,
      until,
    }));
    expect(blockedBy(policyWith({ waivers }), noon + 2 * day)).toEqual([]);
  });

  it('what passed has no waiver', () => {
    const waivers = [{ check: 'PF-SC-01', reason: 'CHG0041234', until: noon + day }];
    const passed = rule(findings, policyWith({ waivers }), noon).find(({ id }) => id === 'PF-SC-01');
    expect(passed?.waiver).toBeNull();
  });

  it('counts each finding once: by what it weighs, or as waived', () => {
    const waivers = [{ check: 'PF-DR-03', reason: 'CHG0041234', until: noon + day }];
    expect(summaryOf(rule(findings, policyWith({ waivers }), noon))).toEqual({
      blocking: 1,
      error: 1,
      warn: 0,
      info: 1,
      unknown: 1,
      passed: 1,
      skipped: 1,
      waived: 1,
    });
  });
});
