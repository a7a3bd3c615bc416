import { describe, expect, it } from 'vitest';
import type { Arm } from '../../src/rollout/target.ts';
import type { DestinationRule, Pod } from '../../src/traffic/cluster-objects.ts';
import type { Destination } from '../../src/traffic/virtual-service.ts';
import { armOf, countReady, distinctArms, sharedLabels } from '../../src/traffic/workload.ts';
import { clusterDomain, destination, host, hostDestination, rolesOf, routeOf, withRoute } from './objects.ts';

const selector = { app: 'payment' };
const service = { name: 'payment', namespace: 'shop' };
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
    expect(armOf(canary, { service, selector, rules }, clusterDomain)).toEqual({
      host,
      subset: 'v2',
      service,
      version: '2.1',
      podLabels: { app: 'payment', version: '2.1' },
    });
  });

  it('may stand in any DestinationRule of the host, under any of its names', () => {
    const rules = [rule(undefined), rule([{ name: 'v2', labels: { version: 'v2' } }], host)];
    expect(armOf(canary, { service, selector, rules }, clusterDomain)).toMatchObject({ version: 'v2' });
  });

  it.each([
    ['no DestinationRule names the subset', [rule([{ name: 'v1', labels: { version: 'v1' } }])]],
    ['its DestinationRule is of another host', [rule([{ name: 'v2', labels: { version: 'v2' } }], 'ledger')]],
    ['the subset has no version label', [rule([{ name: 'v2', labels: { track: 'canary' } }])]],
    ['the subset has no labels', [rule([{ name: 'v2' }])]],
    ['the version would break a query', [rule([{ name: 'v2', labels: { version: 'v2"} or x' } }])]],
  ])('is not found when %s', (_name, rules) => {
    expect(armOf(canary, { service, selector, rules }, clusterDomain)).toMatchObject({
      kind: 'shape',
      fault: { code: 'subset-not-found', path: 'spec.http[0].route[1].destination.subset' },
    });
  });
});

describe('a subset whose labels contradict the selector of its service', () => {
  it('is refused, because no pod bears both', () => {
    const rules = [rule([{ name: 'v2', labels: { app: 'ledger', version: 'v2' } }])];
    expect(armOf(canary, { service, selector, rules }, clusterDomain)).toMatchObject({
      fault: {
        code: 'subset-not-found',
        path: 'spec.http[0].route[1].destination.subset',
        message:
          'the subset v2 selects no pod: it wants app=ledger, and the service payment has only pods with app=payment: correct the labels of the subset',
      },
    });
  });
});

describe('what stands behind a destination without a subset', () => {
  const [whole] = routeTo('payment-v2');

  it('is all of its service, called by the version that the service selects', () => {
    const version = { app: 'payment', version: '2.1' };
    expect(armOf(whole, { service, selector: version, rules: [] }, clusterDomain)).toEqual({
      host: `payment-v2.shop.svc.${clusterDomain}`,
      subset: null,
      service,
      version: '2.1',
      podLabels: version,
    });
  });

  it.each([{}, { version: 'v2"} or x' }])('is called by its service when that selects %j', (more) => {
    const arm = armOf(whole, { service, selector: { ...selector, ...more }, rules: [] }, clusterDomain);
    expect(arm).toMatchObject({ version: 'payment' });
  });
});

describe('two arms', () => {
  const roles = rolesOf(withRoute([destination('v1', 1), destination('v2')]));
  const arm = (name: string, podLabels: Record<string, string>, more: Partial<Arm> = {}): Arm => ({
    host: `${name}.shop.svc.${clusterDomain}`,
    subset: null,
    service: { name, namespace: 'shop' },
    version: podLabels['version'] ?? name,
    podLabels,
    ...more,
  });
  const blue = arm('blue', { app: 'payment', slot: 'blue' });
  const at = 'spec.http[0].route[1].destination';

  it('may be two services whose pods differ', () => {
    const green = arm('green', { app: 'payment', slot: 'green' });
    expect(distinctArms(roles, { stable: blue, canary: green })).toEqual({
      kind: 'arms',
      stable: blue,
      canary: green,
    });
  });

  it.each([
    ['equal', { app: 'payment', slot: 'blue' }],
    ["a part of the other's", { app: 'payment' }],
    ["more than the other's", { app: 'payment', slot: 'blue', version: 'v2' }],
  ])('are refused as two services whose selectors are %s', (_name, podLabels) => {
    const refusal = distinctArms(roles, { stable: blue, canary: arm('green', podLabels) });
    expect(refusal).toMatchObject({
      kind: 'shape',
      fault: {
        code: 'unsupported-shape',
        path: `${at}.host`,
        message: expect.stringContaining('the services blue and green select the same pods'),
      },
    });
  });

  it('may select alike in two namespaces, where no pod is shared', () => {
    const elsewhere = arm('blue', blue.podLabels ?? {}, {
      service: { name: 'blue', namespace: 'shop-next' },
    });
    expect(distinctArms(roles, { stable: blue, canary: elsewhere }).kind).toBe('arms');
  });

  it('are called by their services when both show the same version', () => {
    const slot = (name: string) => arm(name, { app: name, version: 'live' });
    expect(distinctArms(roles, { stable: slot('blue'), canary: slot('green') })).toMatchObject({
      stable: { version: 'blue', podLabels: { version: 'live' } },
      canary: { version: 'green' },
    });
  });

  it('are refused as two subsets of one version', () => {
    const subset = (name: string) => arm('payment', { app: 'payment', version: 'v1' }, { subset: name });
    expect(distinctArms(roles, { stable: subset('v1'), canary: subset('next') })).toMatchObject({
      fault: { path: `${at}.subset`, message: expect.stringContaining('both subsets select the version v1') },
    });
  });
});

function routeTo(name: string): [Destination] {
  const [only] = routeOf(withRoute([hostDestination(name, 1)])).destinations;
  if (only === undefined) throw new Error('no destination');
  return [only];
}

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
