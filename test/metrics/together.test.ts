import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Row } from '../../src/metrics/answer.ts';
import { anyOf, quoted, requestsAtCallers, requestsByCode, selectService } from '../../src/metrics/promql.ts';
import { kinOf, nameOf, rowsByService, rowsOf, servicesIn, together } from '../../src/metrics/together.ts';
import type { Target } from '../../src/rollout/target.ts';
import { LabelValue } from '../../src/rollout/units.ts';
import { hostTarget, targetOf } from './requests.ts';

function selectorOf(target: Target, mirrored = false) {
  const selector = selectService(target, { mirrored });
  if (selector.kind === 'refused') throw new Error(selector.why);
  return selector;
}
const ofSubsets = (name: string) => selectorOf(targetOf(name));
const ofHosts = (stable: string, canary: string, namespace = 'bank') =>
  selectorOf(
    hostTarget({
      stable: { service: { name: stable, namespace } },
      canary: { service: { name: canary, namespace } },
    }),
  );

/** Names as services have them, in which every character that is allowed is likely. */
const name = fc
  .string({ unit: fc.constantFrom(...'ab01.-_', 'pay', 'X'), minLength: 1, maxLength: 12 })
  .filter((text) => LabelValue.safeParse(text).success);
const names = fc.uniqueArray(name, { minLength: 2, maxLength: 8 });

/** The text in a PromQL string, read as Go reads one; null for what ends early or holds what it may not. */
function unquoted(literal: string): string | null {
  const text = /^"((?:[^"\\\n]|\\["\\n])*)"$/.exec(literal)?.[1];
  return text?.replaceAll(/\\(["\\])/g, '$1').replaceAll('\\n', '\n') ?? null;
}

describe('the names in a query for several services', () => {
  it('match each of these and no other name', () => {
    fc.assert(
      fc.property(names, name, (known, other) => {
        const text = unquoted(quoted(anyOf(known)));
        expect(text).not.toBeNull();
        // Prometheus anchors its regular expressions.
        const matcher = new RegExp(`^(?:${text})$`);
        for (const one of known) expect(matcher.test(one)).toBe(true);
        expect(matcher.test(other)).toBe(known.includes(other));
      }),
    );
  });

  it('never leave the string that they stand in', () => {
    fc.assert(
      fc.property(names, (known) => {
        const query = requestsByCode(together([ofSubsets('pay'), ...known.map(ofSubsets)]), 60);
        const literals = query.match(/"(?:[^"\\]|\\.)*"/g) ?? [];
        const bare = query.replaceAll(/"(?:[^"\\]|\\.)*"/g, '""');
        expect(bare).toBe(
          requestsByCode(together([ofSubsets('x'), ofSubsets('y')]), 60).replaceAll(/"[^"]*"/g, '""'),
        );
        expect(literals.every((literal) => unquoted(literal) !== null)).toBe(true);
      }),
    );
  });
});

describe('one query for several targets', () => {
  it('names all services, and groups its rows by them', () => {
    const query = requestsByCode(together([ofSubsets('pay'), ofSubsets('pay.x')]), 60);
    expect(query).toMatch(
      /^sum by \(destination_service_name, destination_version, response_code, grpc_response_status, response_flags\) /,
    );
    expect(query).toContain('destination_service_namespace="bank",destination_service_name=~"pay|pay[.]x"}');
    expect(requestsAtCallers(together([ofSubsets('a'), ofSubsets('b')]), 60)).toMatch(
      /^sum by \(destination_service_name, destination_version, destination_workload, response_code, grpc_response_status, response_flags\) /,
    );
  });

  it('is, for one target, the query that is shown', () => {
    const [subsets, hosts] = [ofSubsets('pay'), ofHosts('blue', 'green')];
    expect([together([subsets]), together([hosts])]).toEqual([subsets, hosts]);
  });

  it('keeps apart who is counted where requests arrive, where they are sent, and by the host they are sent to', () => {
    const kinds = [ofSubsets('pay'), selectorOf(targetOf('pay'), true), ofHosts('pay', 'pay-2')];
    expect(new Set(kinds.map(kinOf)).size).toBe(3);
    const [one, other] = [selectorOf(targetOf('a'), true), selectorOf(targetOf('b'), true)];
    const mirrored = requestsByCode(together([one, other]), 60);
    expect(mirrored).toMatch(
      /^sum by \(destination_service_name, destination_version, response_code, grpc_response_status, response_flags\) /,
    );
    expect(mirrored).not.toContain('reporter="destination"');
  });

  it('finds the rows of targets that mirror by their service, as those of all others', () => {
    const mirrored = selectorOf(targetOf('pay'), true);
    const row = (service: string): Row => ({
      labels: { destination_service_name: service, destination_version: 'v2' },
      value: 1,
    });
    const sorted = rowsByService([row('pay'), row('pay-2')]);
    expect(rowsOf(mirrored, sorted)).toEqual([row('pay')]);
  });

  it('asks once for destinations that have a host each, and for each namespace', () => {
    const one = requestsByCode(together([ofHosts('blue', 'green'), ofHosts('left', 'right')]), 60);
    expect(one).toContain('destination_service_name=~"blue|green|left|right"');
    expect(one.match(/sum by/g)).toHaveLength(1);
    const across = selectorOf(hostTarget({ canary: { service: { name: 'x', namespace: 'other' } } }));
    const more = selectorOf(hostTarget({ canary: { service: { name: 'y', namespace: 'other' } } }));
    const two = requestsByCode(together([across, more]), 60);
    expect(two.match(/sum by/g)).toHaveLength(2);
    expect(two).toContain('destination_service_namespace="other",destination_service_name=~"x|y"');
    expect(servicesIn(together([across, more]))).toBe(3);
  });

  it('is asked only for those whose rows can be told apart', () => {
    const kin = (target: Target) => kinOf(selectorOf(target));
    expect(kin(targetOf('a'))).toBe(kin(targetOf('b', { stable: 'v7', canary: 'v8' })));
    const withSubset = (subset: string) => hostTarget({ subset });
    expect(kin(withSubset('v7'))).toBe(kin(withSubset('v7')));
    const kins = [targetOf('a'), hostTarget(), withSubset('v7'), withSubset('v8')].map(kin);
    expect(new Set(kins).size).toBe(4);
    const differing = hostTarget({ subset: 'v7', canary: { subset: 'v8', podLabels: { version: 'v8' } } });
    expect(kin(differing)).toBeNull();
  });
});

describe('the rows of several services', () => {
  const row = (service: string, version: string, value: number, namespace?: string): Row => ({
    labels: {
      destination_service_name: service,
      destination_version: version,
      ...(namespace === undefined ? {} : { destination_service_namespace: namespace }),
    },
    value,
  });

  it('go to those whose name they carry in full', () => {
    const sorted = rowsByService([row('pay', 'v1', 1), row('pay-2', 'v1', 2), row('pay.x', 'v2', 3)]);
    const values = (service: string) => rowsOf(ofSubsets(service), sorted).map(({ value }) => value);
    expect(['pay', 'pay-2', 'pay.x', 'pa', 'pay-x'].map(values)).toEqual([[1], [2], [3], [], []]);
  });

  it('go to both services of a target that has a host for each version, by namespace too', () => {
    const rows = [row('blue', '', 1, 'bank'), row('green', '', 2, 'bank'), row('green', '', 3, 'other')];
    const sorted = rowsByService(rows);
    expect(rowsOf(ofHosts('blue', 'green'), sorted)).toEqual(rows.slice(0, 2));
    expect(rowsOf(ofHosts('green', 'blue', 'other'), sorted)).toEqual([rows[2]]);
  });

  it('never mix, and none is lost: each target gets what carries its name, in its order', () => {
    const rows = fc.array(fc.record({ name, version: fc.constantFrom('v1', 'v2'), value: fc.nat() }));
    fc.assert(
      fc.property(names, rows, (asked, found) => {
        const answer = [...found, ...asked.map((one) => ({ name: one, version: 'v1', value: 1 }))].map(
          (one) => row(one.name, one.version, one.value),
        );
        const sorted = rowsByService(answer);
        for (const one of asked) {
          const expected = answer.filter(({ labels }) => labels['destination_service_name'] === one);
          expect(rowsOf(ofSubsets(one), sorted)).toEqual(expected);
        }
      }),
    );
  });

  it('that name no service are nobody’s', () => {
    expect(rowsByService([{ labels: { destination_version: 'v1' }, value: 1 }]).size).toBe(0);
  });

  it('are told apart by names that no two targets of a kin share', () => {
    fc.assert(
      fc.property(name, name, name, name, (a, b, c, d) => {
        fc.pre(a !== b && c !== d);
        const isSame = a === c && b === d;
        expect(nameOf(ofHosts(a, b)) === nameOf(ofHosts(c, d))).toBe(isSame);
      }),
    );
  });
});
