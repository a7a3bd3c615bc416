import { describe, expect, it } from 'vitest';
import { reviewByIstiod } from '../../src/sandbox/istiod.ts';
import type { JsonObject } from '../../src/sandbox/json.ts';
import type { MeshSpec, RequestKind } from '../../src/sandbox/mesh-spec.ts';
import { paymentMesh } from '../../src/sandbox/payment-mesh.ts';
import { storeObject } from '../../src/sandbox/sandbox.ts';
import { edit, name, run, samples, total, type World, world } from './traffic-world.ts';

const testers: RequestKind = { name: 'testers', part: 0.05, headers: { 'x-canary': 'true' } };
const toV2 = [{ destination: { host: name, subset: 'v2' } }];

function meshWith(...requests: RequestKind[]): MeshSpec {
  const mesh = paymentMesh();
  return { ...mesh, services: mesh.services.map((service) => ({ ...service, requests })) };
}

/** A world whose first http route is this one, after 20 seconds with 600 requests each. */
function after20Seconds(route: JsonObject, ...requests: RequestKind[]): World {
  const mesh = world(1, meshWith(...requests));
  edit(mesh.store, [{ op: 'add', path: '/spec/http/0', value: route }]);
  run(mesh, 20);
  return mesh;
}

describe('requests with a header', () => {
  it('are the part of all that was declared', () => {
    const mesh = world(1, meshWith(testers));
    run(mesh, 20);
    expect(mesh.traffic.requestsTo('v1')).toBe(12_000);
    expect(mesh.traffic.requestsTo('v1', name, 'testers') / 12_000).toBeCloseTo(0.05, 2);
  });

  it('go by the first route that matches them, and all others by the next', () => {
    const route = { match: [{ headers: { 'x-canary': { exact: 'true' } } }], route: toV2 };
    const { traffic } = after20Seconds(route, testers);
    expect(traffic.requestsTo('v2')).toBeGreaterThan(400);
    expect(traffic.requestsTo('v2', name, 'plain')).toBe(0);
    expect(traffic.requestsTo('v1', name, 'testers')).toBe(0);
    expect(traffic.requestsTo('v1') + traffic.requestsTo('v2')).toBe(12_000);
  });
});

describe('a match', () => {
  const post: RequestKind = {
    name: 'post',
    part: 0.5,
    method: 'POST',
    path: '/payments/7',
    headers: { cookie: 'a=b; group=beta', 'x-user': 'bank-7' },
  };

  it.each<[string, JsonObject]>([
    ['an exact method', { method: { exact: 'POST' } }],
    ['a prefix of the path', { uri: { prefix: '/pay' } }],
    ['the path in other letters', { uri: { exact: '/PAYMENTS/7' }, ignoreUriCase: true }],
    ['a regular expression for all of the path', { uri: { regex: '/payments/[0-9]+' } }],
    ['a flag of RE2', { uri: { regex: '(?i)/PAYMENTS/.' } }],
    ['a cookie', { headers: { cookie: { regex: '^(.*?;\\s*)?group=beta(;.*)?$' } } }],
    ['a header that is there', { headers: { 'x-user': {} } }],
    ['a header in other letters', { headers: { 'X-User': { prefix: 'bank-' } } }],
    ['a header that others have not', { withoutHeaders: { 'x-admin': {} }, method: { regex: 'P.*' } }],
    [
      'the port, the caller and the mesh',
      { port: 8080, gateways: ['mesh'], sourceLabels: { app: 'order-service' }, method: { exact: 'POST' } },
    ],
  ])('takes what it says and nothing else: %s', (_name, match) => {
    const { traffic } = after20Seconds({ match: [match], route: toV2 }, post);
    expect(traffic.requestsTo('v2', name, 'post')).toBeGreaterThan(5_000);
    expect([traffic.requestsTo('v2', name, 'plain'), traffic.requestsTo('v1', name, 'post')]).toEqual([0, 0]);
  });

  it.each<[string, JsonObject]>([
    ['a part of what a regular expression would have to match', { uri: { regex: '/pay' } }],
    ['another gateway', { gateways: ['istio-system/public'] }],
    ['another caller', { sourceNamespace: 'elsewhere' }],
    ['another port', { port: 443 }],
    ['a query', { queryParams: { a: { exact: 'b' } } }],
    ['a header that has to be absent', { withoutHeaders: { 'x-user': {} }, method: { exact: 'POST' } }],
    ['one part of two', { method: { exact: 'POST' }, uri: { exact: '/' } }],
    ['a field that nobody knows', { moon: 'full' }],
  ])('does not take %s', (_name, match) => {
    const { traffic } = after20Seconds({ match: [match], route: toV2 }, post);
    expect(traffic.requestsTo('v2')).toBe(0);
  });
});

describe('a mirror', () => {
  const route = [{ destination: { host: name, subset: 'v1' } }];
  const mirror = { host: name, subset: 'v2' };

  it('copies so many percent, which only the pods that get them report', () => {
    const mesh = after20Seconds({ route, mirror, mirrorPercentage: { value: 10 } });
    expect(mesh.traffic.requestsTo('v2')).toBe(0);
    expect(mesh.traffic.copiesTo('v2') / 12_000).toBeCloseTo(0.1, 2);
    const found = samples(mesh);
    const requests = (reporter: string) =>
      total(found, 'istio_requests_total', { reporter, destination_version: 'v2' });
    expect([requests('source'), requests('destination')]).toEqual([0, mesh.traffic.copiesTo('v2')]);
    expect(total(found, 'istio_requests_total', { reporter: 'source' })).toBe(12_000);
  });

  it.each<[string, JsonObject, number]>([
    ['everything without a percentage', { mirror }, 12_000],
    ['nothing at 0 %', { mirror, mirrorPercentage: { value: 0 } }, 0],
    [
      'to each of several',
      { mirrors: [{ destination: mirror }, { destination: { ...mirror, subset: 'v3' } }] },
      12_000,
    ],
  ])('copies %s', (_name, fields, copies) => {
    expect(after20Seconds({ route, ...fields }).traffic.copiesTo('v2')).toBe(copies);
  });

  it('changes nothing for those who wait for an answer', () => {
    const answers = (mesh: World) => mesh.traffic.requestsTo('v1');
    expect(answers(after20Seconds({ route, mirror }))).toBe(answers(after20Seconds({ route })));
  });
});

describe('a delegate', () => {
  const delegate = (http: JsonObject[]) => ({
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name: 'payment-routes', namespace: 'teams' },
    spec: { http },
  });
  const root = {
    match: [{ uri: { prefix: '/' } }],
    delegate: { name: 'payment-routes', namespace: 'teams' },
  };
  const full = [{ destination: { host: `${name}.payment-prod.svc.cluster.local`, subset: 'v2' } }];

  it('routes what the root gives it', () => {
    const mesh = world(1, meshWith(testers));
    storeObject(mesh.store, delegate([{ match: [{ headers: { 'x-canary': {} } }], route: full }]));
    edit(mesh.store, [{ op: 'add', path: '/spec/http/0', value: root }]);
    run(mesh, 2);
    expect(mesh.traffic.requestsTo('v2')).toBe(mesh.traffic.requestsTo('v2', name, 'testers'));
    expect(mesh.traffic.requestsTo('v2')).toBeGreaterThan(20);
    expect(mesh.traffic.requestsTo('v1', name, 'testers')).toBe(0);
  });

  it('that is not there takes nothing', () => {
    expect(after20Seconds(root).traffic.requestsTo('v1')).toBe(12_000);
  });
});

describe('istiod', () => {
  const reviewed = (route: JsonObject) =>
    reviewByIstiod(
      { kind: 'VirtualService', spec: { hosts: ['a'], http: [{ route: toV2, ...route }] } },
      'up',
    );

  it.each<[string, JsonObject]>([
    [
      'mirror_percentage must have a min value of 0',
      { mirror: { host: 'a' }, mirrorPercentage: { value: -1 } },
    ],
    [
      'HTTP route cannot contain both mirror and mirrors',
      { mirror: { host: 'a' }, mirrors: [{ destination: { host: 'b' } }] },
    ],
    ['empty domain name not allowed', { mirror: { host: '' } }],
    ['header name x canary is not a valid header name', { match: [{ headers: { 'x canary': {} } }] }],
    ['"headers": error parsing regexp', { match: [{ headers: { a: { regex: '(' } } }] }],
    ['invalid or unsupported Perl syntax: `(?!`', { match: [{ uri: { regex: '/(?!a)' } }] }],
    ['"method": prefix string match should not be empty', { match: [{ method: { prefix: '' } }] }],
    ['root HTTP route r must not specify route', { name: 'r', delegate: { name: 'b' } }],
  ])('denies: %s', (message, route) => {
    expect(JSON.stringify(reviewed(route).denial)).toContain(JSON.stringify(message).slice(1, -1));
  });

  it('lets two routes have one name', () => {
    const route = { name: 'a', match: [{ uri: { prefix: '/' } }], route: toV2 };
    const object = { kind: 'VirtualService', spec: { hosts: ['a'], http: [route, route] } };
    expect(reviewByIstiod(object, 'up')).toEqual({ denial: null, warnings: [] });
  });

  it.each([
    '(?i)yes',
    '(?P<user>a+)',
    '[[:alpha:]]+',
    '^(.*?;\\s*)?a=b(;.*)?$',
  ])('accepts the regular expression %s', (regex) => {
    expect(reviewed({ match: [{ headers: { a: { regex } } }] }).denial).toBeNull();
  });
});
