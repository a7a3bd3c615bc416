import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { allChecks } from '../../src/readiness/all-checks.ts';
import { runChecks } from '../../src/readiness/run-checks.ts';
import type { Snapshot } from '../../src/readiness/snapshot.ts';
import { healthy, unread } from './healthy.ts';

const { at: _at, subject: _subject, ...facts } = healthy();
const names = Object.keys(facts);

/** The healthy target, but for what nobody may read, or what was read in part. */
function without(unreadNames: readonly string[], gaps: readonly string[] = []): Snapshot {
  const changed = Object.entries(facts).map(([name, fact]) => {
    if (unreadNames.includes(name)) return [name, unread('forbidden')];
    return [name, gaps.includes(name) ? { ...fact, gaps: ['namespace payments: forbidden'] } : fact];
  });
  return { ...healthy(), ...Object.fromEntries(changed) };
}

const known = new Map(runChecks(allChecks, healthy()).map((finding) => [finding.id, finding]));

describe('All readiness checks', () => {
  it('have ids of their own, in the form that people type', () => {
    const ids = allChecks.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.filter((id) => !/^PF-[A-Z]{2}-[0-9]{2}$/.test(id))).toEqual([]);
  });

  it.each(
    allChecks.map((check) => [check.id, check] as const),
  )('%s has nothing to say against a target in order, and says what it saw', (_id, check) => {
    const findings = check.run(healthy());
    expect(findings.map(({ result, read }) => ({ result, read }))).toEqual([
      { result: expect.stringMatching(/^(pass|skip)$/), read: expect.stringMatching(/\w{2,}/) },
    ]);
  });

  it('never take for fine what nobody could read, whatever that is', () => {
    const some = fc.subarray(names);
    fc.assert(
      fc.property(some, some, (hidden, partly) => {
        for (const finding of runChecks(allChecks, without(hidden, partly))) {
          if (finding.result === 'unknown') continue;
          expect(finding).toEqual(known.get(finding.id));
        }
      }),
      { numRuns: 100 },
    );
  });

  it('know nothing when nothing may be read, and say how that is mended', () => {
    for (const finding of runChecks(allChecks, without(names))) {
      expect(finding).toMatchObject({ result: 'unknown', mend: expect.stringMatching(/\w/) });
    }
  });

  // Argo CD's are asked for only where an object bears its mark.
  const always = names.filter((name) => name !== 'gitOpsApplications');

  it('do not call missing what may stand where nobody could look', () => {
    const open = {
      peerAuthentications: { kind: 'read' as const, value: [], gaps: ['namespace istio-system: forbidden'] },
    };
    const findings = runChecks(allChecks, { ...healthy(), ...open });
    expect(findings.find(({ id }) => id === 'PF-MT-01')).toMatchObject({
      result: 'unknown',
      read: expect.stringMatching(/PERMISSIVE.*not everything could be read: .*istio-system: forbidden/),
    });
  });

  it('ask for the VirtualServices of others only where these may take or bring requests', () => {
    const findings = runChecks(allChecks, without([], ['virtualServices']));
    const unknown = findings.filter(({ result }) => result === 'unknown').map(({ id }) => id);
    const routes = ['PF-VS-03', 'PF-VS-05', 'PF-VS-07', 'PF-SC-08', 'PF-CR-03'];
    expect(unknown.toSorted()).toEqual([...routes, 'PF-AZ-04', 'PF-EG-02', 'PF-EG-04'].toSorted());
  });

  it.each(always.map((name) => [name]))('depend on %s: some check asks for it', (name) => {
    const asking = allChecks.filter((check) =>
      check.run(without([name])).every(({ result }) => result === 'unknown'),
    );
    expect(asking.length).toBeGreaterThan(0);
  });
});
