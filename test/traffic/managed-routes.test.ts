import { describe, expect, it } from 'vitest';
import type { RequestMatch } from '../../src/rollout/managed-route.ts';
import { managedMirrorsOf } from '../../src/traffic/managed-mirrors.ts';
import { managedFault, managedOperations, managedRoutesIn } from '../../src/traffic/managed-routes.ts';
import { managedStartFault } from '../../src/traffic/managed-start.ts';
import {
  headerRoute,
  httpOf,
  mirrorRoute,
  namesIn,
  operationsFor,
  patched,
  preceded,
  testers,
  withManaged,
} from './managed-objects.ts';
import { destination, virtualServiceWith, withRoute } from './objects.ts';

const arms = [destination('v1', 100), destination('v2', 0)];
const policies = {
  timeout: '5s',
  retries: { attempts: 2 },
  corsPolicy: { allowOrigins: [{ exact: 'https://bank.example' }] },
  headers: { request: { set: { 'x-hop': 'gateway' } } },
  fault: { delay: { fixedDelay: '1s', percentage: { value: 1 } } },
  'x-of-tomorrow': { any: [1, { thing: null }] },
};
const plain = withRoute(arms, policies);

describe('a header route', () => {
  it('stands directly before the route and sends what matches to the canary alone', () => {
    const [first, second, ...others] = httpOf(withManaged(plain, [preceded(0)], [headerRoute()]));
    expect(first).toEqual({
      name: 'canaryd-testers',
      match: [{ headers: { 'x-canary': { exact: 'true' } } }],
      ...policies,
      route: [destination('v2')],
    });
    expect([second, ...others]).toEqual(httpOf(plain));
  });

  it("keeps the canary's destination as it stands, with its port and its own headers", () => {
    const canary = {
      destination: { host: 'payment', subset: 'v2', port: { number: 8443 } },
      headers: { response: { add: { 'x-version': 'v2' } } },
    };
    const object = withRoute([arms[0], { ...canary, weight: 0 }]);
    expect(httpOf(withManaged(object, [preceded(0)], [headerRoute()]))[0]?.['route']).toEqual([canary]);
  });

  it('keeps a mirror of the route to somewhere else', () => {
    const mirror = { mirror: { host: 'audit' }, mirrorPercentage: { value: 10 } };
    expect(httpOf(withManaged(withRoute(arms, mirror), [preceded(0)], [headerRoute()]))[0]).toMatchObject(
      mirror,
    );
  });

  it('stands before each of several moved routes, and before no other', () => {
    const object = virtualServiceWith([
      { name: 'old', redirect: { uri: '/new' } },
      { name: 'api', route: arms },
      { name: 'docs', route: [destination('v1')] },
      { name: 'web', route: arms },
    ]);
    const twice = withManaged(object, [preceded(1), preceded(3)], [headerRoute(), headerRoute('night')]);
    expect(namesIn(twice)).toEqual([
      'old',
      'canaryd-testers',
      'canaryd-night',
      'api',
      'docs',
      'canaryd-testers',
      'canaryd-night',
      'web',
    ]);
    expect(managedRoutesIn(twice)).toEqual(['testers', 'night']);
  });

  it('is refused where the canary is gone from the route', () => {
    expect(
      managedOperations(plain, [{ index: 0, canary: null, weights: [100] }], [headerRoute()]),
    ).toMatchObject({
      fault: { code: 'destination-not-in-route', path: 'spec.http[0].route' },
    });
  });
});

describe('a mirror route', () => {
  it('stands before a route whose own mirror is null, as before one without', () => {
    const nothing = withRoute(arms, { mirror: null, mirrors: null });
    const [first] = httpOf(withManaged(nothing, [preceded(0, [95, 5])], [mirrorRoute(12.5)]));
    expect(first).toEqual(
      httpOf(withManaged(withRoute(arms), [preceded(0, [95, 5])], [mirrorRoute(12.5)]))[0],
    );
  });

  it('divides requests as the route will, and sends copies to the canary', () => {
    const [first] = httpOf(withManaged(plain, [preceded(0, [95, 5])], [mirrorRoute(12.5)]));
    expect(first).toEqual({
      name: 'canaryd-mirror',
      ...policies,
      route: [destination('v1', 95), destination('v2', 5)],
      mirror: { host: 'payment', subset: 'v2' },
      mirrorPercentage: { value: 12.5 },
    });
  });

  it('of everything matches what the route matches', () => {
    const match = [{ uri: { prefix: '/pay' }, port: 8080 }];
    const object = withRoute(arms, { match });
    expect(httpOf(withManaged(object, [preceded(0)], [mirrorRoute()]))[0]?.['match']).toEqual(match);
  });

  it('follows the weights by single operations, and leaves a weight out where there is none', () => {
    const mirrored = withManaged(plain, [preceded(0)], [mirrorRoute()]);
    expect(operationsFor(mirrored, [preceded(1, [60, 40])], [mirrorRoute()])).toEqual([
      { op: 'replace', path: '/spec/http/0/route/0/weight', value: 60 },
      { op: 'replace', path: '/spec/http/0/route/1/weight', value: 40 },
    ]);
    expect(operationsFor(mirrored, [preceded(1, [null, 0])], [mirrorRoute()])).toEqual([
      { op: 'remove', path: '/spec/http/0/route/0/weight' },
    ]);
  });

  it('follows the weights even when nobody says which managed routes are wanted', () => {
    const both = withManaged(plain, [preceded(0)], [headerRoute(), mirrorRoute()]);
    expect(operationsFor(both, [preceded(2, [60, 40])], null)).toEqual([
      { op: 'replace', path: '/spec/http/1/route/0/weight', value: 60 },
      { op: 'replace', path: '/spec/http/1/route/1/weight', value: 40 },
    ]);
    expect(operationsFor(both, [preceded(2, [100, 0])], null)).toEqual([]);
  });

  it('is told to those who read the weights', () => {
    const object = virtualServiceWith([
      { name: 'api', route: arms },
      { name: 'web', route: arms },
    ]);
    const both = withManaged(object, [preceded(0), preceded(1)], [headerRoute(), mirrorRoute()]);
    const mirrorsBefore = (one: typeof both, index: number) =>
      managedMirrorsOf(one, ['spec', 'http', index]).map(({ at }) => at.at(-1));
    expect([mirrorsBefore(both, 2), mirrorsBefore(both, 5), mirrorsBefore(object, 1)]).toEqual([
      [1],
      [4],
      [],
    ]);
    expect(managedMirrorsOf(both, ['spec', 'tcp', 2])).toEqual([]);
  });

  it.each([
    ['mirror', { mirror: { host: 'audit' } }],
    ['mirrors', { mirrors: [{ destination: { host: 'audit' } }] }],
  ])('is refused before a route that has %s already', (field, mirror) => {
    expect(managedFault(withRoute(arms, mirror), [preceded(0)], [mirrorRoute()])).toMatchObject({
      fault: { code: 'unsupported-shape', path: `spec.http[0].${field}` },
    });
  });
});

describe('the operations', () => {
  it('are none when everything stands there as wanted, whatever the order of keys', () => {
    const wanted = [headerRoute(), mirrorRoute(50)];
    const once = withManaged(plain, [preceded(0)], wanted);
    const stored = patched(once, []);
    stored.spec.http = httpOf(once).map((route) => Object.fromEntries(Object.entries(route).toReversed()));
    expect(operationsFor(stored, [preceded(2)], wanted)).toEqual([]);
  });

  it('replace what another hand has changed in a managed route, and nothing else', () => {
    const once = withManaged(plain, [preceded(0)], [headerRoute(), mirrorRoute()]);
    const edited = patched(once, [{ op: 'remove', path: '/spec/http/0/match' }]);
    const operations = operationsFor(edited, [preceded(2)], [headerRoute(), mirrorRoute()]);
    expect(operations.map(({ op, path }) => `${op} ${path}`)).toEqual(['replace /spec/http/0']);
    expect(patched(edited, operations).spec).toEqual(once.spec);
  });

  it('take away every route that bears our prefix and is not wanted, wherever it stands', () => {
    const object = virtualServiceWith([
      { name: 'canaryd-left-over', route: arms },
      { name: 'primary', route: arms },
      { name: 'canaryd-lost', redirect: { uri: '/' } },
    ]);
    expect(operationsFor(object, [preceded(1)], [])).toEqual([
      { op: 'remove', path: '/spec/http/2' },
      { op: 'remove', path: '/spec/http/0' },
    ]);
  });

  it('add one and take away another at indexes that are right in their order', () => {
    const first = withManaged(plain, [preceded(0)], [headerRoute('a'), headerRoute('b'), headerRoute('c')]);
    const wanted = [headerRoute('d'), headerRoute('c'), headerRoute('a')];
    const operations = operationsFor(first, [preceded(3)], wanted);
    expect(namesIn(patched(first, operations))).toEqual(['canaryd-d', 'canaryd-c', 'canaryd-a', 'primary']);
    expect(operations).toHaveLength(4);
  });

  it('bring a managed route back that somebody has moved behind the route', () => {
    const object = virtualServiceWith([...httpOf(plain), { name: 'canaryd-testers', route: arms }]);
    expect(withManaged(object, [preceded(0)], [headerRoute()]).spec).toEqual(
      withManaged(plain, [preceded(0)], [headerRoute()]).spec,
    );
  });

  it('never refuse to take managed routes away, whatever the other routes look like', () => {
    const object = virtualServiceWith(['no route at all', null, { name: 'canaryd-x' }, { name: 7 }]);
    expect(operationsFor(object, [preceded(0)], [])).toEqual([{ op: 'remove', path: '/spec/http/2' }]);
    expect(operationsFor(object, [], null)).toEqual([]);
    expect(operationsFor(virtualServiceWith(undefined), [], [])).toEqual([]);
  });
});

describe('a match of a route and a match of a step', () => {
  const matchOf = (own: unknown, ...asked: RequestMatch[]) =>
    httpOf(withManaged(withRoute(arms, { match: own }), [preceded(0)], [headerRoute('x', ...asked)]))[0]?.[
      'match'
    ];
  const faultOf = (more: Record<string, unknown>, ...asked: RequestMatch[]) =>
    managedFault(withRoute(arms, more), [preceded(0)], [headerRoute('x', ...asked)])?.fault;

  it('are one block for each pair, with all that the block of the route says', () => {
    const own = [
      { name: 'pay', uri: { prefix: '/pay' }, gateways: ['mesh'], 'x-new': 1 },
      { headers: { 'x-tenant': { exact: 'a' } } },
    ];
    expect(matchOf(own, testers, { method: { exact: 'GET' } })).toEqual([
      { ...own[0], ...testers },
      { ...own[0], method: { exact: 'GET' } },
      { headers: { 'x-tenant': { exact: 'a' }, 'x-canary': { exact: 'true' } } },
      { ...own[1], method: { exact: 'GET' } },
    ]);
  });

  it.each<[string, unknown, RequestMatch]>([
    ['no match at all', undefined, { uri: { exact: '/pay' } }],
    ['an empty list', [], { uri: { exact: '/pay' } }],
    ['a prefix of it', [{ uri: { prefix: '/pa' } }], { uri: { exact: '/pay' } }],
    ['a shorter prefix', [{ uri: { prefix: '/pa' } }], { uri: { prefix: '/pay' } }],
    [
      'a prefix in other letters',
      [{ uri: { prefix: '/PA' }, ignoreUriCase: true }],
      { uri: { exact: '/pay' } },
    ],
    ['a method of any value', [{ method: {} }], { method: { exact: 'GET' } }],
  ])('become what the step says where the route has %s', (_name, own, asked) => {
    expect(matchOf(own, asked)).toEqual([asked]);
  });

  it.each<[string, Record<string, unknown>, RequestMatch]>([
    ['an exact uri below it', { uri: { exact: '/pay/now' } }, { uri: { prefix: '/pay' } }],
    ['the same text', { uri: { regex: '/pay/.*' } }, { uri: { regex: '/pay/.*' } }],
    ['its own letters', { uri: { prefix: '/Pay' }, ignoreUriCase: true }, { uri: { prefix: '/' } }],
    ['the header in other letters', { headers: { 'X-Canary': { exact: 'true' } } }, testers],
  ])('stay what the route says where that is narrower: %s', (_name, own, asked) => {
    expect(matchOf([own], asked)).toEqual([own]);
  });

  it.each<[string, Record<string, unknown>, RequestMatch, string]>([
    ['two uris', { uri: { exact: '/a' } }, { uri: { exact: '/b' } }, 'uri'],
    ['two prefixes', { uri: { prefix: '/a' } }, { uri: { prefix: '/b' } }, 'uri'],
    ['a prefix and a regex', { uri: { prefix: '/a' } }, { uri: { regex: '/a.*' } }, 'uri'],
    [
      'letters that may be any',
      { uri: { exact: '/pay' }, ignoreUriCase: true },
      { uri: { prefix: '/p' } },
      'uri',
    ],
    ['two methods', { method: { exact: 'GET' } }, { method: { exact: 'POST' } }, 'method'],
    ['the same header', { headers: { 'x-canary': { exact: 'no' } } }, testers, 'headers.x-canary'],
    ['a header it excludes', { withoutHeaders: { 'X-Canary': {} } }, testers, 'withoutHeaders.X-Canary'],
    [
      'a cookie beside a cookie',
      { headers: { cookie: { regex: '.*a=1.*' } } },
      { cookies: { b: { exact: '1' } } },
      'headers.cookie',
    ],
    ['what nobody can read', { uri: { suffix: '/a' } }, { uri: { exact: '/a' } }, 'uri'],
  ])('are refused with their path where one block cannot say both: %s', (_name, own, asked, field) => {
    const fault = faultOf({ match: [{ port: 80 }, own] }, asked);
    const alone = faultOf({ match: [own] }, asked);
    expect(alone?.path).toBe(`spec.http[0].match[0].${field}`);
    expect(alone?.message).toMatch(/: (?:match|write|take) /);
    // Where no request can match both, the other block of the route is enough.
    expect([undefined, `spec.http[0].match[1].${field}`]).toContain(fault?.path);
  });

  it('leave out a pair that no request can match, as long as there is another', () => {
    const own = [{ uri: { prefix: '/pay' } }, { uri: { prefix: '/refund' } }];
    expect(matchOf(own, { uri: { exact: '/pay/now' } })).toEqual([{ uri: { exact: '/pay/now' } }]);
  });

  it('are refused when another uri would be rewritten in another way', () => {
    const more = { match: [{ uri: { prefix: '/pay' } }], rewrite: { uri: '/' } };
    expect(faultOf(more, { uri: { prefix: '/pay/v2' } })?.path).toBe('spec.http[0].rewrite.uri');
    expect(faultOf({ rewrite: { uri: '/' } }, { uri: { prefix: '/pay' } })?.path).toBe(
      'spec.http[0].rewrite.uri',
    );
    expect(faultOf(more, { uri: { prefix: '/pa' } })).toBeUndefined();
    expect(faultOf(more, testers)).toBeUndefined();
    expect(faultOf({ ...more, rewrite: { authority: 'x' } }, { uri: { exact: '/pay/v2' } })).toBeUndefined();
  });

  it.each<[string, RequestMatch]>([
    ['a header that Istio ignores', { headers: { uri: { exact: '/' } } }],
    [
      'cookies and the header cookie',
      { headers: { cookie: { exact: 'a=1' } }, cookies: { b: { exact: '1' } } },
    ],
    [
      'four cookies',
      { cookies: Object.fromEntries(['a', 'b', 'c', 'd'].map((name) => [name, { exact: '1' }])) },
    ],
    ['a lookahead', { uri: { regex: '/(?!admin).*' } }],
    ['a group that stays open', { headers: { 'x-a': { regex: '(a' } } }],
    ['a group that ends another', { cookies: { a: { regex: 'a)|(.*' } } }],
    ['a back-reference', { cookies: { a: { regex: '(a)\\1' } } }],
    ['a set that stays open', { method: { regex: '[GP' } }],
  ])('are refused with %s', (_name, asked) => {
    expect(faultOf({}, asked)).toMatchObject({ path: 'spec.http[0].match' });
  });

  it.each([
    'a(b|[)(])c',
    '\\(\\)',
    '[]()]',
    '(?i)yes|(?P<name>[[:alpha:]]+)',
    '\\d{2,}',
  ])('may have the regular expression %s', (regex) => {
    expect(faultOf({}, { headers: { 'x-a': { regex } } })).toBeUndefined();
  });
});

describe('a cookie', () => {
  const matches = (cookies: RequestMatch['cookies'], header: string) => {
    const [route] = httpOf(withManaged(plain, [preceded(0)], [headerRoute('x', { cookies })]));
    const [block] = [route?.['match']].flat();
    return new RegExp(`^(?:${Object(block).headers.cookie.regex})$`).test(header);
  };

  it.each<[string, RequestMatch['cookies'], string[], string[]]>([
    [
      'exactly',
      { release: { exact: 'v2.1' } },
      ['release=v2.1', 'a=b; release=v2.1', 'release=v2.1; a=b', 'a=b;release=v2.1;c=d'],
      [
        'release=v2x1',
        'release=v2.10',
        'xrelease=v2.1',
        'a=release=v2.1',
        'a=b; release=v2',
        'release = v2.1',
        '',
      ],
    ],
    [
      'by a prefix',
      { user: { prefix: 'bank-' } },
      ['user=bank-', 'user=bank-7; a=b'],
      ['user=a; b=bank-7', 'user=xbank-'],
    ],
    [
      'by a regular expression',
      { group: { regex: '^a|b+$' } },
      ['group=a', 'x=y; group=bbb; z=0'],
      ['group=', 'group=ab', 'agroup=a'],
    ],
    [
      'together with others, in any order',
      { a: { exact: '1' }, b: { exact: '2' }, c: { exact: '3' } },
      ['a=1; b=2; c=3', 'c=3; x=0; a=1;b=2', 'x=0; b=2; c=3; y=0; a=1; z=0'],
      ['a=1; b=2', 'a=1; b=2; cc=3', 'xa=1; b=2; c=3', 'a=1b=2; c=3'],
    ],
  ])('is found among others %s', (_name, cookies, found, missed) => {
    expect(found.filter((header) => !matches(cookies, header))).toEqual([]);
    expect(missed.filter((header) => matches(cookies, header))).toEqual([]);
  });
});

describe('a plan with managed routes', () => {
  it('is refused where no http route is moved', () => {
    const fault = managedFault(virtualServiceWith(undefined), [], [headerRoute()])?.fault;
    expect(fault).toMatchObject({ path: 'spec', code: 'unsupported-shape' });
    expect(fault?.message).toContain('leave testers out of the plan');
  });

  it('is refused for any of several objects, and the message says for which', () => {
    const object = withRoute(arms, { match: [{ method: { exact: 'GET' } }] });
    const starting = (virtualService: typeof plain) => {
      const canary = { at: ['spec', 'http', 0, 'route', 1] };
      return { virtualService, roles: { routes: [{ route: { at: ['spec', 'http', 0] }, canary }] } };
    };
    const posts = [headerRoute('posts', { method: { exact: 'POST' } })];
    expect(managedStartFault([starting(plain), starting(object)], posts)?.fault).toMatchObject({
      path: 'spec.http[0].match[0].method',
      message: expect.stringMatching(/^VirtualService shop\/payment: /),
    });
    expect(managedStartFault([starting(object)], posts)?.fault.message).toMatch(/^the route matches /);
    expect(managedStartFault([starting(plain), starting(object)], [headerRoute()])).toBeNull();
  });

  it('is refused, and any other plan is, where somebody else gave a route a name of canaryd’s', () => {
    const object = virtualServiceWith([
      { name: 'primary', route: arms },
      { name: 'canaryd-reports', redirect: { uri: '/' } },
    ]);
    const starting = (virtualService: typeof plain) => ({ virtualService, roles: { routes: [] } });
    expect(managedStartFault([starting(object)], [])?.fault).toEqual({
      code: 'unsupported-shape',
      path: 'spec.http[1].name',
      message:
        'names that begin with canaryd- are canaryd\'s, and its first write would take "canaryd-reports" away, which nothing in the object tells that canaryd has put there: rename it, or take it out',
    });
    expect(managedStartFault([starting(plain), starting(object)], [])?.fault.message).toMatch(
      /^VirtualService shop\/payment: names that begin/,
    );
    const annotations = { 'canaryd.io/rollout': 'ro_1' };
    const left = { ...object, metadata: { ...object.metadata, annotations } };
    expect(managedStartFault([starting(left)], [])).toBeNull();
  });

  it('is accepted where all of them can be put before every route, and so is one without', () => {
    expect(managedFault(plain, [preceded(0)], [headerRoute(), mirrorRoute()])).toBeNull();
    expect(managedFault(virtualServiceWith(undefined), [], [])).toBeNull();
  });
});
