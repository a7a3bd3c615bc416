import { describe, expect, it } from 'vitest';
import { allChecks } from '../../src/readiness/all-checks.ts';
import { rule, summaryOf } from '../../src/readiness/policy.ts';
import { runChecks } from '../../src/readiness/run-checks.ts';
import type { Snapshot } from '../../src/readiness/snapshot.ts';
import { notReady } from '../../src/rollout/readiness-words.ts';
import { healthy, read } from '../readiness/healthy.ts';

function reportOf(changes: Partial<Snapshot>) {
  const snapshot = healthy(changes);
  const rulings = rule(runChecks(allChecks, snapshot), { block: ['error'], waivers: [] }, snapshot.at);
  return { at: snapshot.at, rulings, summary: summaryOf(rulings) };
}

const short = healthy().subject.checks.map((check) => ({ ...check, window: 10 }));
const silent = read({
  requestsPerSecond: 0,
  checks: healthy().survey.kind === 'read' ? quiet() : [],
});

function quiet() {
  const { survey } = healthy();
  if (survey.kind === 'unread') throw new Error(survey.why);
  return survey.value.checks.map((check) => ({ ...check, requests: 0, value: null }));
}

describe('what keeps a rollout from starting', () => {
  it('is said once in whole, and others of the same check as more of it', () => {
    const { subject } = healthy();
    const found = notReady(reportOf({ subject: { ...subject, checks: short } }));
    expect(found?.why).toMatch(/^PF-PR-04: check errorRate looks back 10 s, .*; and PF-PR-04 once more/);
  });

  it('is waited for when it comes with the next requests, and not when it stays as it is', () => {
    expect(notReady(reportOf({ survey: silent }))).toMatchObject({
      check: 'PF-PR-02',
      patienceMs: 60_000,
    });
    const { subject } = healthy();
    const both = reportOf({ survey: silent, subject: { ...subject, checks: short } });
    expect(notReady(both)?.patienceMs).toBe(0);
  });
});
