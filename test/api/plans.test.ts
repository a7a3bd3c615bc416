import { readFile } from 'node:fs/promises';
import type { InjectOptions } from 'fastify';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { planSchemaText } from '../../src/api/plan-schema.ts';
import { aliceToken, api, ask, ciToken, problemOf, slugOf } from './api.ts';
import { fakeService } from './fake-service.ts';
import { bodyAsWritten, planAsWritten } from './rollouts.ts';

const yaml = 'application/yaml';
const planAsYaml = `# how payments go out
checks:
  errors: { metric: errorRate, max: 0.5% }
steps:
  - { type: setWeight, weight: 5 }
  - { type: bake, duration: 5m }
  - { type: promote }
`;

/** A server with plans, and short ways to ask it. */
function world() {
  const service = fakeService();
  const app = api({ service });
  const put = (payload: unknown = planAsWritten, headers: Record<string, string> = {}, name = 'pci') =>
    ask(app, { method: 'PUT', url: `/v1/plans/${name}`, payload: Object(payload), headers });
  const get = (url: string, headers: Record<string, string> = {}) => ask(app, { url, headers });
  const write = (text: string, request: InjectOptions) =>
    ask(app, { ...request, payload: text, headers: { 'content-type': yaml, ...request.headers } });
  return { service, app, put, get, write };
}

const slower = { ...planAsWritten, deadline: '3h' };

describe('a plan that is kept', () => {
  it('is made by PUT, read back with its version as entity tag, and says who wrote it', async () => {
    const { put, get } = world();
    const created = await put();
    expect(created.statusCode).toBe(201);
    expect(created.headers).toMatchObject({ etag: '"1"', location: '/v1/plans/pci/versions/1' });
    const read = await get('/v1/plans/pci');
    expect(read.headers['etag']).toBe('"1"');
    expect(read.json()).toEqual(created.json());
    expect(read.json()).toMatchObject({
      name: 'pci',
      version: 1,
      digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
      createdBy: { kind: 'person', name: 'alice' },
      plan: { name: 'pci', interval: 10, steps: [{ weight: 5 }, { duration: 300 }, { type: 'promote' }] },
    });
  });

  it('gets a new version by PUT with If-Match, and keeps the earlier one', async () => {
    const { put, get } = world();
    await put();
    const ci = { authorization: `Bearer ${ciToken}` };
    const second = await put(slower, { 'if-match': '"1"', ...ci });
    expect([second.statusCode, second.headers['etag']]).toEqual([200, '"2"']);
    expect((await get('/v1/plans/pci')).json()).toMatchObject({
      version: 2,
      createdBy: { kind: 'machine', name: 'github:acme/payments' },
      plan: { deadline: 10_800 },
    });
    expect((await get('/v1/plans/pci/versions/1')).json()).toMatchObject({ plan: { deadline: 7200 } });
  });

  it('makes no version of what it says already, however it is written', async () => {
    const { put, write } = world();
    await write(planAsYaml, { method: 'PUT', url: '/v1/plans/pci' });
    const same = {
      steps: [{ type: 'setWeight', weight: 5 }, { type: 'bake', duration: 300 }, { type: 'promote' }],
      checks: { errors: { max: 0.005, metric: 'errorRate', window: '1m' } },
    };
    const answer = await put(same, { 'if-match': '"1"' });
    expect([answer.statusCode, answer.json().version]).toEqual([200, 1]);
  });

  it.each([
    ['no If-Match', {}, 'if-match-required', 428],
    ['another version', { 'if-match': '"2"' }, 'precondition-failed', 412],
    ['a weak tag', { 'if-match': 'W/"1"' }, 'precondition-failed', 412],
    ['If-None-Match: *', { 'if-none-match': '*' }, 'precondition-failed', 412],
    ['a version without quotes', { 'if-match': '1' }, 'malformed-request', 400],
    ['If-None-Match with a version', { 'if-none-match': '"1"' }, 'malformed-request', 400],
  ])('is not replaced with %s, and the refusal says what to send', async (_name, headers, slug, status) => {
    const { put, get } = world();
    await put();
    const refused = await put(slower, headers);
    expect([slugOf(refused), refused.statusCode]).toEqual([slug, status]);
    expect(refused.json().detail).toMatch(/If-Match: "1"|ETag that you read|takes it as \*/);
    expect((await get('/v1/plans/pci')).json().version).toBe(1);
  });

  it('is not created by a PUT that means to replace one', async () => {
    const { put, get } = world();
    expect(slugOf(await put(planAsWritten, { 'if-match': '"1"' }))).toBe('precondition-failed');
    expect((await get('/v1/plans/pci')).statusCode).toBe(404);
  });

  it('lets one of two writers win who read the same version', async () => {
    const { put, get } = world();
    await put();
    const rivals = await Promise.all(
      ['3h', '4h'].map((deadline) => put({ ...planAsWritten, deadline }, { 'if-match': '"1"' })),
    );
    expect(rivals.map(({ statusCode }) => statusCode).toSorted()).toEqual([200, 412]);
    expect((await get('/v1/plans/pci/versions')).json().data).toHaveLength(2);
  });

  it('answers 304 to who knows it already', async () => {
    const { put, get } = world();
    await put();
    const known = await get('/v1/plans/pci', { 'if-none-match': '"1"' });
    expect([known.statusCode, known.body, known.headers['etag']]).toEqual([304, '', '"1"']);
    expect((await get('/v1/plans/pci', { 'if-none-match': '"2"' })).statusCode).toBe(200);
  });

  it.each([
    ['/v1/plans/none', 'There is no plan "none".'],
    ['/v1/plans/none/versions', 'There is no plan "none".'],
    ['/v1/plans/pci/versions/7', 'There is no version 7 of plan "pci".'],
    ['/v1/plans/pci/versions/0', 'There is no version 0 of plan "pci".'],
    ['/v1/plans/pci/versions/last', 'There is no version last of plan "pci".'],
    ['/v1/plans/P%20I', 'There is no plan "P I".'],
  ])('that does not exist is answered with a sentence: %s', async (url, sentence) => {
    const { put, get } = world();
    await put();
    const problem = problemOf(await get(url));
    expect([problem.status, problem.detail]).toEqual([404, expect.stringContaining(sentence)]);
  });

  it.each([
    ['inline', planAsWritten, 'choose another one'],
    ['PCI', planAsWritten, 'a name has 1 to 63'],
    ['pci', { ...planAsWritten, name: 'other' }, 'is not the name in the path, "pci"'],
  ])('needs a name of its own: %s', async (name, plan, why) => {
    const problem = problemOf(await world().put(plan, {}, name));
    expect(problem).toMatchObject({
      type: '/problems/plan-invalid',
      errors: [{ pointer: '/name', detail: expect.stringContaining(why) }],
    });
  });

  it('that is wrong is refused with each fault, and not kept', async () => {
    const { put, get } = world();
    const problem = problemOf(await put({ ...planAsWritten, intervall: 10 }));
    expect(problem).toMatchObject({
      type: '/problems/plan-invalid',
      errors: [{ pointer: '/intervall', detail: expect.stringContaining('"interval"') }],
    });
    expect(slugOf(await put({ ...planAsWritten, deadline: 60 }))).toBe('plan-inconsistent');
    expect((await get('/v1/plans/pci')).statusCode).toBe(404);
  });

  it('is listed by name with its newest version, page by page', async () => {
    const { put, get } = world();
    for (const name of ['c', 'a', 'b']) await put(planAsWritten, {}, name);
    await put(slower, { 'if-match': '"1"' }, 'a');
    const first = (await get('/v1/plans?limit=2')).json();
    expect(first.data.map((one: { name: string; version: number }) => [one.name, one.version])).toEqual([
      ['a', 2],
      ['b', 1],
    ]);
    expect(first.page).toEqual({ nextCursor: 'b', hasMore: true });
    const rest = (await get(`/v1/plans?limit=2&cursor=${first.page.nextCursor}`)).json();
    expect([rest.data[0].name, rest.page]).toEqual(['c', { nextCursor: null, hasMore: false }]);
    const versions = (await get('/v1/plans/a/versions?limit=1')).json();
    expect([versions.data[0].version, versions.page.nextCursor]).toEqual([2, '2']);
    expect((await get('/v1/plans/a/versions?cursor=2')).json().data[0].version).toBe(1);
  });

  it('needs a token', async () => {
    const { app } = world();
    const response = await app.inject({ method: 'PUT', url: '/v1/plans/pci', payload: planAsWritten });
    expect(slugOf(response)).toBe('unauthenticated');
  });
});

describe('a rollout by the name of a plan', () => {
  const start = (app: ReturnType<typeof world>['app'], plan: unknown, url = '/v1/rollouts', key?: string) =>
    ask(app, {
      method: 'POST',
      url,
      payload: { ...bodyAsWritten, plan },
      headers: key === undefined ? {} : { 'idempotency-key': key },
    });

  it('takes the newest version, or the one that is named, and keeps a copy', async () => {
    const { app, put, service } = world();
    await put();
    await put(slower, { 'if-match': '"1"' });
    await start(app, 'pci');
    await start(app, 'pci@1');
    await start(app, 'pci@1', '/v1/rollouts?dryRun=all');
    expect(service.asked).toMatchObject([
      { kind: 'create', request: { planVersion: 2, plan: { name: 'pci', deadline: 10_800 } } },
      { kind: 'create', request: { planVersion: 1, plan: { deadline: 7200 } } },
      { kind: 'preview', request: { planVersion: 1 } },
    ]);
  });

  it('shows name, version and digest of the plan; a plan of the request has no version', async () => {
    const { app, put } = world();
    const { digest } = (await put()).json();
    const named = (await start(app, 'pci')).json();
    expect(named.plan).toMatchObject({ name: 'pci', version: 1, digest });
    expect((await start(app, planAsWritten)).json().plan).toMatchObject({ name: 'inline', version: null });
  });

  it('is refused when there is no such plan or version, with those there are', async () => {
    const { app, put, service } = world();
    const empty = problemOf(await start(app, 'pci'));
    expect(empty).toMatchObject({
      type: '/problems/plan-not-found',
      status: 422,
      errors: [{ pointer: '/plan' }],
    });
    expect(empty.detail).toContain('No plan is kept yet');
    await put();
    expect(problemOf(await start(app, 'bank@2')).detail).toContain('There are: pci.');
    expect(problemOf(await start(app, 'pci@2')).detail).toContain('its newest one is 1');
    expect(slugOf(await start(app, 'bank', '/v1/rollouts?dryRun=all'))).toBe('plan-not-found');
    expect(service.asked).toEqual([]);
  });

  it('answers a repeated request as it did the first time, whatever became of the plan', async () => {
    const { app, put } = world();
    await put();
    const first = await start(app, 'pci', '/v1/rollouts', 'k1');
    await put(slower, { 'if-match': '"1"' });
    const again = await start(app, 'pci', '/v1/rollouts', 'k1');
    expect([again.body, again.headers['idempotent-replayed']]).toEqual([first.body, 'true']);
  });

  it.each([
    'pci@',
    'pci@0',
    'PCI',
    'pci@x',
    '',
    '../pci',
  ])('is refused by a name of another form: %j', async (plan) => {
    const problem = problemOf(await start(world().app, plan));
    expect(problem.errors).toEqual([
      { pointer: '/plan', code: 'invalid-format', detail: expect.stringContaining('"pci-standard@7"') },
    ]);
  });

  it.each([5, null, [], true])('is refused for a plan that is neither text nor object: %j', async (plan) => {
    expect(problemOf(await start(world().app, plan)).errors?.[0]).toMatchObject({ pointer: '/plan' });
  });

  it('still names each fault of a plan that stands in the request', async () => {
    const steps = [{ type: 'setWeight', weight: 500 }, { type: 'bake' }, { typo: 1 }];
    const problem = problemOf(await start(world().app, { steps }));
    expect(problem.errors?.map(({ pointer }) => pointer)).toEqual([
      '/plan/steps/0/weight',
      '/plan/steps/1/duration',
      '/plan/steps/2/type',
    ]);
  });

  it('may be YAML', async () => {
    const { write, service } = world();
    const text = `target: { namespace: payments, virtualService: payment-service }\nplan:\n${planAsYaml.replaceAll(/^/gm, '  ')}`;
    expect((await write(text, { method: 'POST', url: '/v1/rollouts' })).statusCode).toBe(202);
    expect(service.asked).toMatchObject([{ request: { plan: { checks: { errors: { max: 0.005 } } } } }]);
  });
});

describe('a check of a plan', () => {
  const url = '/v1/plans:validate';

  it('shows what would be kept and how long it takes', async () => {
    const { write } = world();
    expect((await write(planAsYaml, { method: 'POST', url })).json()).toMatchObject({
      valid: true,
      errors: [],
      plan: { interval: 10 },
      digest: expect.stringMatching(/^sha256:/),
      timeline: {
        totalSeconds: 300,
        steps: [
          { step: 0, type: 'setWeight', share: 5, startsInSeconds: 0 },
          { step: 1, type: 'bake', share: 5, startsInSeconds: 0 },
          { step: 2, type: 'promote', share: 100, startsInSeconds: 300 },
        ],
      },
    });
  });

  it('answers 200 with every fault of a wrong one', async () => {
    const { app } = world();
    const payload = { interval: 'soon', steps: [{ type: 'setWeight', weight: '5' }, { type: 'promot' }] };
    const response = await ask(app, { method: 'POST', url, payload });
    expect(response.statusCode).toBe(200);
    expect(response.json()).toMatchObject({
      valid: false,
      errors: [
        { pointer: '/interval', code: 'invalid' },
        { pointer: '/steps/0/weight', code: 'wrong-type' },
        { pointer: '/steps/1/type', detail: 'did you mean "promote"?' },
      ],
      plan: null,
      timeline: null,
    });
  });

  it('takes a rollout whose plan stands in it, and leads into the plan', async () => {
    const { app } = world();
    const check = async (payload: object) => (await ask(app, { method: 'POST', url, payload })).json();
    expect(await check(bodyAsWritten)).toMatchObject({ valid: true });
    const plan = { ...planAsWritten, deadline: 60 };
    expect(await check({ ...bodyAsWritten, plan })).toMatchObject({
      valid: false,
      errors: [{ pointer: '/plan/deadline', code: 'plan-inconsistent' }],
    });
  });

  it.each(['[]', '1', '"x"', 'null'])('names a body that is no plan: %s', async (payload) => {
    const headers = { 'content-type': 'application/json' };
    const response = await ask(world().app, { method: 'POST', url, payload, headers });
    expect(response.json()).toMatchObject({ valid: false, errors: [{ pointer: '', code: 'wrong-type' }] });
  });

  it('is refused for what cannot be read, and on other paths and methods', async () => {
    const { app, write } = world();
    expect(slugOf(await write('a: [', { method: 'POST', url }))).toBe('malformed-request');
    expect(slugOf(await ask(app, { url }))).toBe('method-not-allowed');
    expect(slugOf(await ask(app, { method: 'POST', url: '/v1/plans:valid', payload: {} }))).toBe('not-found');
    expect(slugOf(await write(`a: ${'x'.repeat(66_000)}`, { method: 'POST', url }))).toBe(
      'payload-too-large',
    );
  });
});

describe('the JSON Schema of a plan', () => {
  it('is served to anybody, as it stands in docs: `npm run openapi` writes it anew', async () => {
    const response = await world().app.inject({ url: '/v1/plan.schema.json' });
    expect(response.headers['content-type']).toMatch(/^application\/schema\+json/);
    expect(response.body).toBe(planSchemaText());
    expect(await readFile(new URL('../../docs/plan.schema.json', import.meta.url), 'utf8')).toBe(
      planSchemaText(),
    );
  });

  it('has an identity, a dialect, and words for every field', () => {
    const Described = z.record(z.string(), z.looseObject({ description: z.string().min(10) }));
    const Schema = z.looseObject({ $schema: z.string(), $id: z.string(), properties: Described });
    const schema = Schema.parse(JSON.parse(planSchemaText()));
    expect(schema.$schema).toBe('https://json-schema.org/draft/2020-12/schema');
    expect(Object.keys(schema.properties)).toEqual(expect.arrayContaining(['steps', 'checks', 'deadline']));
  });
});

describe('tokens for plans', () => {
  it('are asked for on every path but the schema', async () => {
    const { app } = world();
    for (const path of ['/v1/plans', '/v1/plans/pci', '/v1/targets', '/v1/targets/default/a/b']) {
      expect([path, (await app.inject({ url: path })).statusCode]).toEqual([path, 401]);
    }
    expect(aliceToken).not.toBe(ciToken);
  });
});
