import type { InjectOptions } from 'fastify';
import { describe, expect, it } from 'vitest';
import type { Slug } from '../../src/api/problems.ts';
import { api, ask, problemOf, slugOf } from './api.ts';
import { fakeService } from './fake-service.ts';
import { bodyAsWritten, planAsWritten, rolloutId } from './rollouts.ts';

type Row = [name: string, request: InjectOptions, status: number, slug: Slug];

function post(
  payload: string | Buffer | object,
  contentType: string | null = 'application/json',
): InjectOptions {
  const text = typeof payload === 'string' || Buffer.isBuffer(payload) ? payload : JSON.stringify(payload);
  const headers = contentType === null ? {} : { 'content-type': contentType };
  return { method: 'POST', url: '/v1/rollouts', payload: text, headers };
}

function get(url: string, headers: Record<string, string> = {}): InjectOptions {
  return { method: 'GET', url, headers };
}

function withTarget(target: unknown): InjectOptions {
  return post({ ...bodyAsWritten, target });
}

function withPlan(changes: object): InjectOptions {
  return post({ ...bodyAsWritten, plan: { ...planAsWritten, ...changes } });
}

function withSteps(...steps: unknown[]): InjectOptions {
  return withPlan({ steps });
}

function withCheck(check: object): InjectOptions {
  return withPlan({ checks: { one: check } });
}

/** JSON reads 1e999 as infinity. */
function overflowing(): InjectOptions {
  const text = JSON.stringify({ ...bodyAsWritten, plan: { steps: [{ type: 'setWeight', weight: 'BIG' }] } });
  return post(text.replace('"BIG"', '1e999'));
}

const named = { namespace: 'payments', virtualService: 'payment-service' };
const promote = { type: 'promote' };
const { plan: _plan, ...withoutPlan } = bodyAsWritten;

const unreadable: Row[] = [
  ['an empty body', post(''), 400, 'malformed-request'],
  ['a body without a content type', post('{}', null), 415, 'unsupported-media-type'],
  ['a body in plain text', post('{}', 'text/plain'), 415, 'unsupported-media-type'],
  ['a body in XML', post('<a/>', 'application/xml'), 415, 'unsupported-media-type'],
  ['a form', post('a=1', 'application/x-www-form-urlencoded'), 415, 'unsupported-media-type'],
  ['a content type with a tab in it', post('{}', 'application/json\tx'), 415, 'unsupported-media-type'],
  ['JSON in UTF-16', post('{}', 'application/json; charset=utf-16'), 415, 'unsupported-media-type'],
  [
    'a compressed body',
    { ...post('{}'), headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' } },
    415,
    'unsupported-media-type',
  ],
  ['truncated JSON', post('{"target":'), 400, 'malformed-request'],
  ['a trailing comma', post('{"a":1,}'), 400, 'malformed-request'],
  ['JSON followed by junk', post('{} x'), 400, 'malformed-request'],
  ['a NaN literal', post('{"a":NaN}'), 400, 'malformed-request'],
  ['bytes that are not UTF-8', post(Buffer.from([0x7b, 0xff, 0x7d])), 400, 'malformed-request'],
  ['a __proto__ key', post('{"__proto__":{"admin":true}}'), 400, 'forbidden-key'],
  ['an escaped __proto__ key', post('{"\\u005f_proto__":1}'), 400, 'forbidden-key'],
  ['a constructor.prototype', post('{"constructor":{"prototype":{}}}'), 400, 'forbidden-key'],
  ['a key that is written twice', post('{"plan":1,"plan":2}'), 400, 'forbidden-key'],
  ['a body of 65 KB', post(`{"reason":"${'x'.repeat(65 * 1024)}"}`), 413, 'payload-too-large'],
];

const wrongShape: Row[] = [
  ['a number above all numbers', overflowing(), 422, 'plan-invalid'],
  ['an array as the body', post('[]'), 422, 'validation-error'],
  ['a string as the body', post('"x"'), 422, 'validation-error'],
  ['null as the body', post('null'), 422, 'validation-error'],
  ['a number as the body', post('1'), 422, 'validation-error'],
  ['an unknown key', post({ ...bodyAsWritten, stpes: [] }), 422, 'validation-error'],
  ['no target', post({ plan: planAsWritten }), 422, 'validation-error'],
  ['no plan', post(withoutPlan), 422, 'plan-invalid'],
  ['an unknown key in the target', withTarget({ ...named, nmespace: 'x' }), 422, 'validation-error'],
  ['no VirtualService', withTarget({ namespace: 'payments' }), 422, 'validation-error'],
  ['an empty name', withTarget({ ...named, virtualService: '' }), 422, 'validation-error'],
  ['a name in capitals', withTarget({ ...named, virtualService: 'Pay' }), 422, 'validation-error'],
  [
    'a name of 254 characters',
    withTarget({ ...named, virtualService: 'a'.repeat(254) }),
    422,
    'validation-error',
  ],
  ['a name with a NUL', withTarget({ ...named, virtualService: 'a\u0000b' }), 422, 'validation-error'],
  ['a number as a name', withTarget({ ...named, virtualService: 5 }), 422, 'validation-error'],
  ['a list as a name', withTarget({ ...named, virtualService: ['pay'] }), 422, 'validation-error'],
  ['a namespace that walks up a path', withTarget({ ...named, namespace: '..' }), 422, 'validation-error'],
  ['a name with a slash', withTarget({ ...named, virtualService: 'a/b' }), 422, 'validation-error'],
  ['a reason with a NUL', post({ ...bodyAsWritten, reason: 'a\u0000b' }), 422, 'validation-error'],
  ['a reason of two lines', post({ ...bodyAsWritten, reason: 'a\nb' }), 422, 'validation-error'],
];

const wrongPlan: Row[] = [
  ['no steps', post({ ...bodyAsWritten, plan: {} }), 422, 'plan-invalid'],
  ['an empty list of steps', withSteps(), 422, 'plan-invalid'],
  ['51 steps', withSteps(...Array.from({ length: 51 }, () => promote)), 422, 'plan-invalid'],
  ['a weight of 0', withSteps({ type: 'setWeight', weight: 0 }, promote), 422, 'plan-invalid'],
  ['a negative weight', withSteps({ type: 'setWeight', weight: -1 }, promote), 422, 'plan-invalid'],
  ['a weight of 101', withSteps({ type: 'setWeight', weight: 101 }, promote), 422, 'plan-invalid'],
  [
    'a weight finer than 0.01',
    withSteps({ type: 'setWeight', weight: 10.005 }, promote),
    422,
    'plan-invalid',
  ],
  ['a weight as text', withSteps({ type: 'setWeight', weight: '10' }, promote), 422, 'plan-invalid'],
  [
    'falling weights',
    withSteps({ type: 'setWeight', weight: 20 }, { type: 'setWeight', weight: 10 }, promote),
    422,
    'plan-invalid',
  ],
  [
    'equal weights',
    withSteps({ type: 'setWeight', weight: 20 }, { type: 'setWeight', weight: 20 }, promote),
    422,
    'plan-invalid',
  ],
  ['a plan that ends below 100 %', withSteps({ type: 'setWeight', weight: 20 }), 422, 'plan-invalid'],
  ['a bake of 0 s', withSteps({ type: 'bake', duration: 0 }, promote), 422, 'plan-invalid'],
  ['a bake of 30 years', withSteps({ type: 'bake', duration: 1e9 }, promote), 422, 'plan-invalid'],
  ['a duration that is none', withSteps({ type: 'bake', duration: 'soon' }, promote), 422, 'plan-invalid'],
  ['an unknown step', withSteps({ type: 'setweight', weight: 5 }, promote), 422, 'plan-invalid'],
  ['a step without a type', withSteps({ weight: 5 }, promote), 422, 'plan-invalid'],
  [
    'a bake shorter than a window',
    withSteps({ type: 'bake', duration: 30 }, promote),
    422,
    'plan-inconsistent',
  ],
  ['steps longer than the deadline', withPlan({ deadline: '5m' }), 422, 'plan-inconsistent'],
  ['a ratio above 1', withCheck({ metric: 'errorRate', max: 1.5 }), 422, 'plan-invalid'],
  ['a ratio below 0', withCheck({ metric: 'errorRate', max: -0.1 }), 422, 'plan-invalid'],
  ['a latency limit of 0 ms', withCheck({ metric: 'p99LatencyMs', max: 0 }), 422, 'plan-invalid'],
  ['a latency limit above all buckets', withCheck({ metric: 'p99LatencyMs', max: 4e6 }), 422, 'plan-invalid'],
  ['no checks for a bake', withPlan({ checks: {} }), 422, 'plan-inconsistent'],
  ['minRequests of 0', withCheck({ metric: 'errorRate', minRequests: 0 }), 422, 'plan-invalid'],
  ['an unknown metric', withCheck({ metric: 'errorrate' }), 422, 'plan-invalid'],
];

const elsewhere: Row[] = [
  ['an id that is none', get('/v1/rollouts/42'), 404, 'not-found'],
  ['an unknown id', get('/v1/rollouts/ro_01KB4ZJ5Q8X2V7N3M6R9T0W1YD'), 404, 'not-found'],
  ['a path that cannot be decoded', get('/v1/rollouts/%zz'), 400, 'malformed-request'],
  ['an id of 101 characters', get(`/v1/rollouts/${'a'.repeat(101)}`), 414, 'uri-too-long'],
  ['a limit of 0', get('/v1/rollouts?limit=0'), 400, 'malformed-request'],
  ['a limit that is no number', get('/v1/rollouts?limit=abc'), 400, 'malformed-request'],
  ['an empty limit', get('/v1/rollouts?limit='), 400, 'malformed-request'],
  ['a huge limit', get('/v1/rollouts?limit=1e9'), 400, 'malformed-request'],
  ['a parameter given twice', get('/v1/rollouts?limit=1&limit=2'), 400, 'malformed-request'],
  ['a misspelled parameter', get('/v1/rollouts?limt=5'), 400, 'malformed-request'],
  ['a parameter where none is known', get(`/v1/rollouts/${rolloutId}?verbose=1`), 400, 'malformed-request'],
  ['an unknown status', get('/v1/rollouts?status=xx'), 400, 'malformed-request'],
  ['a cursor that is none', get('/v1/rollouts?cursor=42'), 400, 'malformed-request'],
  [
    'an unknown dry run',
    { ...post(bodyAsWritten), url: '/v1/rollouts?dryRun=true' },
    400,
    'malformed-request',
  ],
  ['PUT on a path that takes POST', { method: 'PUT', url: '/v1/rollouts' }, 405, 'method-not-allowed'],
  ['DELETE of a rollout', { method: 'DELETE', url: `/v1/rollouts/${rolloutId}` }, 405, 'method-not-allowed'],
  ['an unknown path', get('/v1/rolouts'), 404, 'not-found'],
  ['a path with two slashes', get('//v1/rollouts'), 404, 'not-found'],
  ['a path in capitals', get('/V1/rollouts'), 404, 'not-found'],
  [
    'an unknown action',
    { method: 'POST', url: `/v1/rollouts/${rolloutId}/actions/explode` },
    404,
    'not-found',
  ],
  ['an answer in HTML', get('/v1/rollouts', { accept: 'text/html' }), 406, 'not-acceptable'],
  [
    'an event stream of what has none',
    get('/v1/rollouts', { accept: 'text/event-stream' }),
    406,
    'not-acceptable',
  ],
  [
    'an Idempotency-Key with a control character',
    { ...post(bodyAsWritten), headers: { 'content-type': 'application/json', 'idempotency-key': 'a\tb' } },
    400,
    'malformed-request',
  ],
];

describe('bad input', () => {
  it.each([
    ...unreadable,
    ...wrongShape,
    ...wrongPlan,
    ...elsewhere,
  ])('%s', async (_name, request, status, slug) => {
    const response = await ask(api(), request);
    expect([response.statusCode, slugOf(response)]).toEqual([status, slug]);
  });

  it('names the parts that are wrong by JSON Pointer, with a code and a suggestion', async () => {
    const steps = [{ type: 'setWeight', weigth: 5 }, { type: 'bak', duration: '5m' }, promote];
    const response = await ask(api(), post({ ...bodyAsWritten, plan: { stpes: 1, steps }, resaon: 'x' }));
    expect(problemOf(response).errors).toEqual([
      {
        pointer: '/plan/steps/0/weight',
        code: 'required',
        detail: 'write a percentage as a number, such as 5 or 0.25',
      },
      {
        pointer: '/plan/steps/0/weigth',
        code: 'unknown-property',
        detail: 'is not known: did you mean "weight"?',
      },
      { pointer: '/plan/steps/1/type', code: 'not-one-of', detail: 'did you mean "bake"?' },
      { pointer: '/plan/stpes', code: 'unknown-property', detail: 'is not known: did you mean "steps"?' },
      { pointer: '/resaon', code: 'unknown-property', detail: 'is not known: did you mean "reason"?' },
    ]);
  });

  it('suggests the query parameter that was meant', async () => {
    const response = await ask(api(), get('/v1/rollouts?limt=5'));
    const expected = {
      pointer: 'limt',
      code: 'unknown-property',
      detail: 'is not known: did you mean "limit"?',
    };
    expect(problemOf(response).errors).toEqual([expected]);
  });

  it('repeats at most 80 characters of what was sent', async () => {
    const long = 'x'.repeat(5000);
    const requests = [
      post({ ...bodyAsWritten, [long]: 1 }),
      withTarget({ ...named, virtualService: long }),
      withPlan({ checks: { [long]: { metric: 'errorRate' } } }),
      get(`/v1/rollouts?${long}=1`),
      get(`/${long}`),
    ];
    for (const request of requests) {
      const response = await ask(api(), request);
      problemOf(response);
      expect(response.body).not.toContain('x'.repeat(81));
    }
  });

  it('lists at most 50 faults', async () => {
    const unknown = Object.fromEntries(Array.from({ length: 900 }, (_, index) => [`k${index}`, 1]));
    const response = await ask(api(), post({ ...bodyAsWritten, ...unknown }));
    expect(problemOf(response).errors).toHaveLength(50);
  });

  it('says which methods a path takes', async () => {
    const response = await ask(api(), { method: 'PUT', url: '/v1/rollouts' });
    expect(response.headers.allow).toBe('GET, HEAD, POST');
  });

  it('answers an id that cannot exist like one that does not', async () => {
    const app = api();
    const bodies = await Promise.all(
      ['42', 'ro_01KB4ZJ5Q8X2V7N3M6R9T0W1YD'].map(async (id) => {
        const { instance, requestId, ...body } = problemOf(await ask(app, get(`/v1/rollouts/${id}`)));
        return body;
      }),
    );
    expect(bodies[0]).toEqual(bodies[1]);
  });

  it('reaches the service with nothing that is wrong', async () => {
    const service = fakeService();
    for (const [, request] of [...unreadable, ...wrongShape, ...wrongPlan])
      await ask(api({ service }), request);
    expect(service.asked).toEqual([]);
  });
});
