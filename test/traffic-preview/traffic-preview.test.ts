import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { z } from 'zod';
import { applyPatch } from '../../src/traffic/apply-patch.ts';
import { preview, target, to, virtualService } from './files.ts';

const Written = z.object({
  metadata: z.looseObject({ annotations: z.record(z.string(), z.string()) }),
  spec: z.looseObject({
    http: z.array(z.looseObject({ route: z.array(z.looseObject({ weight: z.number().optional() })) })),
  }),
});
const weightsIn = (yaml: string) =>
  Written.parse(parse(yaml)).spec.http.map(({ route }) => route.map(({ weight = null }) => weight));
const Answer = z.object({
  weight: z.number(),
  shares: z.array(z.unknown()),
  patch: z.array(z.looseObject({ op: z.enum(['add', 'replace', 'remove']), path: z.string() })),
  object: z.unknown(),
  also: z.array(z.looseObject({ object: z.unknown() })),
});

/** What the last write of an earlier rollout left behind. */
const earlier = { annotations: { 'canaryd.io/rollout': 'ro_1', 'canaryd.io/epoch': '3' } };

/** A plan that puts a header route in place. */
const planWith = (value: string) => ({
  steps: [
    { type: 'setHeaderRoute', name: 'testers', match: [{ headers: { 'x-canary': { exact: value } } }] },
    { type: 'setWeight', weight: 5 },
    { type: 'bake', duration: '120s' },
    { type: 'promote' },
  ],
});

describe('a preview of traffic', () => {
  it('says that managed routes of the plan are not shown, and that a kept plan is not read', async () => {
    const { code, err } = await preview({ target: { target, plan: planWith('true') } });
    expect([code, err]).toEqual([
      0,
      expect.stringContaining('Not shown: the managed routes of the plan (canaryd-testers)'),
    ]);
    const kept = await preview({ target: { target, plan: 'pci-standard@7' } });
    expect(kept.err).toContain('Not looked at: the plan, which is kept by canaryd.');
    expect((await preview({})).err).not.toMatch(/the plan|taken away/);
  });

  it('says which routes of canaryd it takes away', async () => {
    const route = [to('v1', 100), to('v2', 0)];
    const left = { name: 'canaryd-testers', route: [to('v2')] };
    const { err, out } = await preview({
      object: virtualService({ http: [left, { name: 'primary', route }] }, earlier),
    });
    expect(err).toContain(
      'shop/payment: taken away: canaryd-testers. Routes whose names begin with canaryd- are',
    );
    expect(out).not.toContain('canaryd-testers');
  });

  it('prints the object as it would stand, and nothing else is changed', async () => {
    const { code, out, err } = await preview({ weight: 12.5 });
    expect(code).toBe(0);
    const annotations = Written.parse(parse(out)).metadata.annotations;
    const expected = virtualService({}, { annotations });
    const text = JSON.stringify(expected)
      .replace('"weight":100', '"weight":8750')
      .replace('"weight":0', '"weight":1250');
    expect(parse(out)).toEqual(JSON.parse(text));
    expect(Object.keys(annotations)).toEqual([
      'canaryd.io/rollout',
      'canaryd.io/epoch',
      'canaryd.io/original-weights',
    ]);
    expect(err).toMatch(/^shop\/payment, primary: v1 100 % -> 87\.5 %, v2 0 % -> 12\.5 % /);
  });

  it('says what was not checked, in 80 columns', async () => {
    const { err, lines } = await preview({});
    expect(err).toContain('Not checked here: whether services, subsets and pods exist');
    expect(err).toContain('this is for reading, not for kubectl apply');
    expect(err).toContain('The file has no resourceVersion');
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
  });

  it('prints the patch that a rollout would send, beginning with the version that was read', async () => {
    const object = virtualService({}, { resourceVersion: '41', uid: 'uid-1', annotations: { team: 'pay' } });
    const { out, err } = await preview({ object, output: 'patch' });
    expect(JSON.parse(out).slice(0, 4)).toEqual([
      { op: 'replace', path: '/metadata/resourceVersion', value: '41' },
      { op: 'replace', path: '/spec/http/0/route/0/weight', value: 95 },
      { op: 'replace', path: '/spec/http/0/route/1/weight', value: 5 },
      { op: 'add', path: '/metadata/annotations/canaryd.io~1rollout', value: 'ro_preview' },
    ]);
    expect(err).not.toContain('resourceVersion');
  });

  it('prints shares, patch and object as JSON, which belong together', async () => {
    const object = virtualService();
    const { out } = await preview({ object, output: 'json' });
    const answer = Answer.parse(JSON.parse(out));
    const patch = z.array(z.custom<Parameters<typeof applyPatch>[1][number]>()).parse(answer.patch);
    expect(applyPatch(object, patch)).toEqual(answer.object);
    expect(answer.shares).toEqual([
      {
        route: 'primary',
        path: 'spec.http[0]',
        destinations: [
          {
            host: 'payment.shop.svc.cluster.local',
            subset: 'v1',
            role: 'stable',
            before: { share: 100, weight: 100 },
            after: { share: 95, weight: 95 },
          },
          {
            host: 'payment.shop.svc.cluster.local',
            subset: 'v2',
            role: 'canary',
            before: { share: 0, weight: 0 },
            after: { share: 5, weight: 5 },
          },
        ],
      },
    ]);
    expect([answer.weight, answer.also]).toEqual([5, []]);
  });

  it('moves only the routes that the target names, and keeps what a third destination has', async () => {
    const third = { name: 'primary', route: [to('v1', 90), to('v2', 0), to('v3', 10)] };
    const other = { name: 'other', route: [to('v1', 100), to('v2', 0)] };
    const object = virtualService({ http: [other, third] });
    const arms = { stable: { subset: 'v1' }, canary: { subset: 'v2' } };
    const { out, err } = await preview({
      object,
      target: { ...target, route: 'primary', ...arms },
      weight: 50,
    });
    expect(weightsIn(out)).toEqual([
      [100, 0],
      [45, 45, 10],
    ]);
    expect(err).toContain('primary: v1 90 % -> 45 %, v2 0 % -> 45 %, v3 10 %');
  });

  it('takes away managed routes that an earlier rollout left, as the first write does', async () => {
    const left = {
      name: 'canaryd-preview',
      match: [{ headers: { 'x-a': { exact: '1' } } }],
      route: [to('v2')],
    };
    const primary = { name: 'primary', route: [to('v1', 100), to('v2', 0)] };
    const { out } = await preview({ object: virtualService({ http: [left, primary] }, earlier) });
    expect(weightsIn(out)).toEqual([[95, 5]]);
  });

  it('completes short host names in the domain that is given', async () => {
    const { out } = await preview({ clusterDomain: 'bank.example', output: 'json' });
    expect(out).toContain('payment.shop.svc.bank.example');
  });

  it('quotes texts that old readers of YAML take for truth values', async () => {
    const match = [{ headers: { 'x-canary': { exact: 'on' } } }];
    const route = [to('v1', 100), to('v2', 0)];
    const { out } = await preview({ object: virtualService({ http: [{ match, route }] }) });
    expect(out).toContain('exact: "on"');
  });
});

describe('what a preview reads', () => {
  it.each([
    ['JSON', JSON.stringify(virtualService())],
    ['a file with other kinds', `kind: Service\n---\n${stringify(virtualService())}`],
    ['a list as kubectl writes it', stringify({ kind: 'List', items: [{ kind: 'Pod' }, virtualService()] })],
    ['an object without a namespace', stringify(virtualService({}, { namespace: undefined }))],
    ['the older version of the API', stringify(virtualService()).replace('istio.io/v1', 'istio.io/v1beta1')],
  ])('is %s', async (_what, object) => {
    expect(weightsIn((await preview({ object })).out)).toEqual([[95, 5]]);
  });

  it('is the standard input for -', async () => {
    const { code, out } = await preview({ stdin: stringify(virtualService()) });
    expect([code, weightsIn(out)]).toEqual([0, [[95, 5]]]);
  });

  it('is the target in the file of a rollout, too', async () => {
    const rollout = { target: { cluster: 'prod', ...target }, plan: planWith('true') };
    expect((await preview({ target: rollout })).code).toBe(0);
  });

  it('are all VirtualServices of the target; those that the file lacks are named', async () => {
    const edge = virtualService({ gateways: ['edge'] }, { name: 'edge', namespace: 'bank' });
    const route = [to('v1', 100), to('v2', 0)].map((one) => ({
      ...one,
      destination: { ...one.destination, host: 'payment.shop' },
    }));
    edge['spec'] = { hosts: ['pay.bank'], http: [{ name: 'pay', route }] };
    const also = [
      { namespace: 'bank', virtualService: 'edge' },
      { namespace: 'bank', virtualService: 'gone' },
    ];
    const object = [virtualService(), edge].map((one) => stringify(one)).join('---\n');
    const { code, out, err } = await preview({ object, target: { ...target, also } });
    expect(code).toBe(0);
    const documents = parseAllDocuments(out);
    expect(Array.isArray(documents) && documents.map((one) => weightsIn(String(one)))).toEqual([
      [[95, 5]],
      [[95, 5]],
    ]);
    expect(err).toContain('bank/edge, pay: v1 100 % -> 95 %, v2 0 % -> 5 %');
    expect(err).toContain('Not looked at: bank/gone, which the target moves too');
    const json = await preview({ object, target: { ...target, also }, output: 'json' });
    expect(Answer.parse(JSON.parse(json.out)).also).toHaveLength(1);
    const patch = await preview({ object, target: { ...target, also }, output: 'patch' });
    expect([patch.code, patch.out, patch.err]).toEqual([
      2,
      '',
      'canaryd: -o patch prints one patch, and the target has several VirtualServices: use -o json',
    ]);
  });
});

describe('a preview that cannot be made', () => {
  it.each([
    ['the object', { object: null }, 'canaryd: vs.yaml cannot be read: ENOENT; see that the path is right'],
    [
      'the target',
      { target: null },
      'canaryd: target.yaml cannot be read: ENOENT; see that the path is right',
    ],
  ])('ends with 2 when the file with %s is not there', async (_what, files, said) => {
    expect(await preview(files)).toMatchObject({ code: 2, out: '', err: said });
  });

  it.each<[string, Parameters<typeof preview>[0], string | RegExp]>([
    ['the file is empty', { object: ' \n' }, 'vs.yaml: it is empty'],
    ['the file is no YAML', { object: 'a: [1' }, /^vs\.yaml: it is neither YAML nor JSON: .* at line \d+/],
    ['an alias leads nowhere', { object: 'a: *b' }, /^vs\.yaml: it cannot be read: /],
    ['the file is a text', { object: 'hello' }, /^vs\.yaml: it holds no VirtualService .*, but no kind$/],
    [
      'the file is no VirtualService',
      { object: 'kind: Service\n---\nkind: Pod' },
      'vs.yaml: it holds no VirtualService of networking.istio.io, but Service, Pod',
    ],
    [
      'it is a VirtualService of somebody else',
      { object: { ...virtualService(), apiVersion: 'other.io/v1' } },
      /^vs\.yaml: it holds no VirtualService of networking\.istio\.io, but VirtualService$/,
    ],
    ['the object has no name', { object: virtualService({}, { name: undefined }) }, /^metadata\.name: /],
    ['the object has no spec', { object: { ...virtualService(), spec: undefined } }, /^spec: /],
    [
      'the file holds another object',
      { object: virtualService({}, { name: 'ledger' }) },
      'metadata: the target is shop/payment, and vs.yaml holds shop/ledger: correct one of them',
    ],
    ['the target is no YAML', { target: '{' }, /^target\.yaml: it is neither YAML nor JSON: /],
    [
      'the target has an unknown field',
      { target: { ...target, subsett: 'v2' } },
      /^target\.subsett: is not known: .* \(target\.yaml\)$/,
    ],
    [
      'the target has no namespace',
      { target: { virtualService: 'payment' } },
      'target.namespace: write a Kubernetes name (target.yaml)',
    ],
    [
      'the target names routes in two ways',
      { target: { ...target, route: 'a', routes: ['a'] } },
      /^target\.routes: .*name http routes by `route` or by `routes`, not by both/,
    ],
    [
      'the target names one object twice',
      { target: { ...target, also: [{ namespace: 'shop', virtualService: 'payment' }] } },
      /^target\.also\.0: .*this VirtualService stands in the target already/,
    ],
    [
      'a managed route of the plan cannot be put there',
      {
        object: virtualService({
          http: [
            { match: [{ headers: { 'x-canary': { exact: 'no' } } }], route: [to('v1', 100), to('v2', 0)] },
          ],
        }),
        target: { target, plan: planWith('true') },
      },
      /^spec\.http\[0\]\.match\[0\]\.headers\.x-canary: .*canaryd-testers.* no request could match both/,
    ],
    [
      'it would take away a route of somebody else that bears a name of canaryd',
      {
        object: virtualService({
          http: [{ name: 'canaryd-x', route: [to('v2')] }, { route: [to('v1', 100), to('v2', 0)] }],
        }),
      },
      /^spec\.http\[0\]\.name: .*canaryd-x/,
    ],
    [
      'the plan is not sound',
      { target: { target, plan: { steps: [{ type: 'setWeight', weight: 101 }] } } },
      /^plan\.steps\.0\.weight: /,
    ],
    [
      'the target has several documents',
      { target: 'a: 1\n---\nb: 2' },
      'target.yaml: it holds several documents: one target is previewed at a time',
    ],
    [
      'the split is not at rest',
      { object: virtualService({ http: [{ route: [to('v1', 60), to('v2', 40)] }] }) },
      /^spec\.http\[0\]\.route: a rollout starts with one destination at 100 %, but the split is v1 60 % /,
    ],
    [
      'the route is not there',
      { target: { ...target, route: 'beta' } },
      /^spec\.http: no http route is named "beta"/,
    ],
    [
      'a weight is no number',
      { object: virtualService({ http: [{ route: [{ ...to('v1'), weight: '100' }, to('v2', 0)] }] }) },
      /^spec\.http\[0\]\.route\[0\]\.weight: /,
    ],
  ])('ends with 6 when %s, and says where and what to do', async (_what, files, said) => {
    const { code, out, err, lines } = await preview(files);
    expect([code, out]).toEqual([6, '']);
    const refusal = err.replace('canaryd: refused: ', '');
    if (typeof said === 'string') expect(refusal).toBe(said);
    else expect(refusal).toMatch(said);
    const own = lines.filter((line) => !line.includes('canaryd-traffic-'));
    expect(own.filter((line) => line.length > 80)).toEqual([]);
  });

  it('ends with 6 when another object of the target is not at rest, and names it', async () => {
    const edge = virtualService({ http: [{ route: [to('v1', 1), to('v2', 1)] }] }, { name: 'edge' });
    const object = [virtualService(), edge].map((one) => stringify(one)).join('---\n');
    const { code, err } = await preview({
      object,
      target: { ...target, also: [{ virtualService: 'edge' }] },
    });
    expect(code).toBe(6);
    expect(err).toMatch(/^canaryd: refused: spec\.http\[0\].*: VirtualService shop\/edge: /);
  });

  it('is told to programs as JSON', async () => {
    const object = virtualService({ http: [{ route: [to('v1', 60), to('v2', 40)] }] });
    const { code, out } = await preview({ object, output: 'json' });
    expect(code).toBe(6);
    expect(JSON.parse(out)).toEqual({
      refusal: {
        code: 'split-not-at-rest',
        path: 'spec.http[0].route',
        message: expect.stringContaining('v1 60 %'),
      },
    });
  });
});

describe('a JSON Patch', () => {
  const object = { list: [1, 2, 3], 'a/b': { c: 1 } };

  it('is applied to a copy, by the letter of RFC 6902', () => {
    const patch = [
      { op: 'add' as const, path: '/list/1', value: 9 },
      { op: 'remove' as const, path: '/list/0' },
      { op: 'add' as const, path: '/list/-', value: { x: 1 } },
      { op: 'add' as const, path: '/list/3/y', value: 2 },
      { op: 'replace' as const, path: '/a~1b/c', value: 5 },
      { op: 'remove' as const, path: '/a~1b/c' },
    ];
    const before = structuredClone(patch);
    expect(applyPatch(object, patch)).toEqual({ list: [9, 2, 3, { x: 1, y: 2 }], 'a/b': {} });
    expect([object.list, patch]).toEqual([[1, 2, 3], before]);
  });

  it.each([
    '/list/4',
    '/none/x',
    '/a~1b/d',
    '/list/x',
    '/list/0/x',
  ])('that leads nowhere is a fault: %s', (path) => {
    expect(() => applyPatch(object, [{ op: 'replace', path, value: 1 }])).toThrow('no such place');
  });
});
