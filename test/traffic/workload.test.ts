import { describe, expect, it } from 'vitest';
import type { DestinationRule, Pod } from '../../src/traffic/cluster-objects.ts';
import { armOf, countReady, sharedLabels } from '../../src/traffic/workload.ts';
import { clusterDomain, destination, host, rolesOf, withRoute } from './objects.ts';

const selector = { app: 'payment' };
const { canary } = rolesOf(withRoute([destination('v1', 1), destination('v2')]));

function rule(subsets: DestinationRule['spec']['subsets'], ruleHost = 'payment'): DestinationRule {
  const spec = subsets === undefined ? { host: ruleHost } : { host: ruleHost, subsets };
  return { metadata: { name: 'payment', namespace: 'shop' }, spec };
}

function pod(labels: Record<string, string>, ready: 'True' | 'False', more: Partial<Pod> = {}): Pod {
  return { metadata: { labels }, status: { conditions: [{ type: 'Ready', status: ready }] }, ...more };
}

describe('what stands behind a destination', () => {
  it('is its subset of the DestinationRule and the selector of its service', () => {
    const rules = [rule([{ name: 'v2', labels: { version: '2.1' } }])];
    expect(armOf(canary, rules, selector, clusterDomain)).toEqual({
      host,
      subset: 'v2',
      version: '2.1',
      podLabels: { app: 'payment', version: '2.1' },
    });
  });

  it('may stand in any DestinationRule of the host, under any of its names', () => {
    const rules = [rule(undefined), rule([{ name: 'v2', labels: { version: 'v2' } }], host)];
    expect(armOf(canary, rules, selector, clusterDomain)).toMatchObject({ version: 'v2' });
  });

  it.each([
    ['no DestinationRule names the subset', [rule([{ name: 'v1', labels: { version: 'v1' } }])]],
    ['its DestinationRule is of another host', [rule([{ name: 'v2', labels: { version: 'v2' } }], 'ledger')]],
    ['the subset has no version label', [rule([{ name: 'v2', labels: { track: 'canary' } }])]],
    ['the subset has no labels', [rule([{ name: 'v2' }])]],
    ['the version would break a query', [rule([{ name: 'v2', labels: { version: 'v2"} or x' } }])]],
  ])('is not found when %s', (_name, rules) => {
    expect(armOf(canary, rules, selector, clusterDomain)).toMatchObject({
      kind: 'shape',
      fault: { code: 'subset-not-found', path: 'spec.http[0].route[1].destination.subset' },
    });
  });
});

describe('readiness', () => {
  const v1 = { app: 'payment', version: 'v1' };
  const v2 = { app: 'payment', version: 'v2' };

  it('counts the pods of one arm only', () => {
    const pods = [pod(v1, 'True'), pod(v2, 'True'), pod(v2, 'False'), pod(v2, 'True')];
    expect(countReady(pods, v2)).toEqual({ kind: 'known', ready: 2, total: 3 });
  });

  it('leaves out pods that terminate or have run to their end', () => {
    const pods = [
      pod(v1, 'True'),
      pod(v1, 'True', { metadata: { labels: v1, deletionTimestamp: '2026-01-01T00:00:00Z' } }),
      pod(v1, 'False', { status: { phase: 'Failed' } }),
      pod(v1, 'False', { status: { phase: 'Succeeded' } }),
    ];
    expect(countReady(pods, v1)).toEqual({ kind: 'known', ready: 1, total: 1 });
  });

  it('counts a pod without conditions as not ready', () => {
    expect(countReady([{ metadata: { labels: v1 } }], v1)).toEqual({ kind: 'known', ready: 0, total: 1 });
  });

  it('asks once, by the labels both arms share', () => {
    expect(sharedLabels(v1, v2)).toEqual({ app: 'payment' });
  });
});
