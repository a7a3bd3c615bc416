import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { fieldFaults } from '../../src/api/field-faults.ts';
import { RollbackBody } from '../../src/api/holds.ts';
import { InlineRolloutBody, RolloutBody } from '../../src/api/rollout-body.ts';
import { commandBodies, DecisionBody } from '../../src/rollout/command.ts';
import { Plan } from '../../src/rollout/plan.ts';
import { api, ask, problemOf } from './api.ts';
import { bodyAsWritten, rolloutId } from './rollouts.ts';

const library = /Invalid|Too small|Too big|expected|Unrecognized/;
const schemas: Record<string, z.ZodType> = {
  rollout: RolloutBody,
  inlineRollout: InlineRolloutBody,
  plan: Plan,
  decision: DecisionBody,
  namespaceRollback: RollbackBody,
  ...commandBodies,
};
const values = [
  null,
  true,
  5,
  0,
  -1,
  1.5,
  1e300,
  '',
  'x',
  'a\nb',
  'x'.repeat(600),
  [],
  [1],
  [null],
  {},
  { a: 1 },
];

function faultsOf(schema: z.ZodType, data: unknown) {
  const parsed = schema.safeParse(data);
  return parsed.success ? [] : fieldFaults(parsed.error.issues, { schema, data });
}

/** Every version of some data in which one part, at any depth, is replaced or left out. */
function broken(data: unknown): unknown[] {
  if (Array.isArray(data)) return [...values, ...data.flatMap((_, at) => brokenAt(data, at))];
  if (typeof data !== 'object' || data === null) return values;
  const entries = Object.entries(data);
  return [
    ...values,
    ...entries.map(([key]) => Object.fromEntries(entries.filter(([name]) => name !== key))),
    ...entries.flatMap(([key, member]) => broken(member).map((other) => ({ ...data, [key]: other }))),
  ];
}

function brokenAt(list: unknown[], at: number): unknown[] {
  return broken(list[at]).map((other) => list.with(at, other));
}

const whole: Record<string, unknown> = {
  rollout: {
    ...bodyAsWritten,
    target: {
      ...bodyAsWritten.target,
      cluster: 'default',
      route: 'r',
      canary: { subset: 'v2' },
      stable: { host: 'a' },
    },
    startAt: '2026-11-24T14:00:00Z',
    onConflict: 'queue',
  },
  inlineRollout: bodyAsWritten,
  plan: bodyAsWritten.plan,
  decision: { decision: 'approve', comment: 'x', expect: { revision: 1, stepIndex: 0 } },
  namespaceRollback: { namespace: 'a', cluster: 'b', reason: 'c' },
};
const command = { reason: 'x', expect: { revision: 1, stepIndex: 0 }, override: ['checks'], drift: 'adopt' };

describe('what is wrong with a body', () => {
  it.each(Object.entries(schemas))('is said in plain words, wherever it stands: %s', (name, schema) => {
    const said = broken(whole[name] ?? command).flatMap((data) => faultsOf(schema, data));
    expect(said.length).toBeGreaterThan(20);
    expect(said.filter(({ detail }) => library.test(detail))).toEqual([]);
    expect(said.filter(({ detail }) => detail === '')).toEqual([]);
  });

  const bodies = { pause: `/v1/rollouts/${rolloutId}/actions/pause`, rollout: '/v1/rollouts' };
  it.each([
    [bodies.pause, { reason: 5 }, ['/reason', 'wrong-type', 'write text']],
    [
      bodies.pause,
      { expect: { revision: 0 } },
      ['/expect/revision', 'out-of-range', 'write a number of 1 or more'],
    ],
    [bodies.pause, [], ['', 'wrong-type', 'write an object']],
    [
      bodies.rollout,
      { target: bodyAsWritten.target },
      ['/plan', 'required', 'write the plan as an object, or the name of one as text'],
    ],
    [bodies.rollout, { plan: 'p' }, ['/target', 'required', 'is missing: write an object']],
  ])('names the place, the code and the mend: %s %j', async (url, payload, fault) => {
    const response = await ask(api(), { method: 'POST', url, payload });
    const { errors = [] } = problemOf(response);
    expect(errors.map(({ pointer, code, detail }) => [pointer, code, detail])).toEqual([fault]);
  });

  it.each([
    'limit=0',
    'limit=abc',
    'limit=1000',
    'status=x',
    'cursor=1',
    'namespace=A',
    'a=1',
  ])('and with a query: %s', async (query) => {
    const { errors = [] } = problemOf(await ask(api(), { url: `/v1/rollouts?${query}` }));
    expect(errors).not.toEqual([]);
    expect(errors.filter(({ detail }) => library.test(detail))).toEqual([]);
  });

  it.each([
    [z.number().positive(), 0, 'write a number above 0'],
    [z.number().lt(5), 5, 'write a number below 5'],
    [z.number().max(5), 6, 'write a number of 5 or less'],
    [z.number().multipleOf(5), 6, 'write a multiple of 5'],
    [z.string().max(2), 'abc', 'write text of length 2 or less'],
    [z.array(z.string()).min(1), [], 'write a list of length 1 or more'],
    [z.union([z.string(), z.number()]), true, 'write text or a number'],
    [z.literal(7), 8, 'write 7'],
    [z.email(), 'x', 'is not written in the form that is taken here'],
    [z.record(z.string().max(1), z.string()), { ab: '' }, 'has a name that is not taken here'],
    [z.string().refine(() => false), 'x', 'is not taken here'],
    [z.date(), 'x', 'write a value of another type'],
  ])('has plain words for what no schema words itself: %#', (schema, data, detail) => {
    expect(faultsOf(schema, data).map((fault) => fault.detail)).toEqual([detail]);
  });
});

describe('a request that is refused for what was sent', () => {
  it.each([
    ['a wrong body', 'application/json', '{"reason":5}', 'validation-error'],
    ['no JSON', 'application/json', '{', 'malformed-request'],
    ['a repeated key', 'application/json', '{"a":1,"a":2}', 'forbidden-key'],
    ['text', 'text/plain', 'x', 'unsupported-media-type'],
  ])('says that nothing was touched, and what to do: %s', async (_name, type, payload, slug) => {
    const url = `/v1/rollouts/${rolloutId}/actions/pause`;
    const headers = { 'content-type': type };
    const problem = problemOf(await ask(api(), { method: 'POST', url, payload, headers }));
    expect(problem.type).toBe(`/problems/${slug}`);
    expect(problem.explanation).toMatchObject({
      what: problem.detail,
      traffic: 'Nothing was written and no traffic was moved.',
      next: expect.stringMatching(/^(?:Mend|Send|Leave out) /),
      actions: [],
    });
  });

  it('also for a query', async () => {
    const problem = problemOf(await ask(api(), { url: '/v1/rollouts?limit=0' }));
    expect(problem.explanation?.traffic).toBe('Nothing was written and no traffic was moved.');
  });
});
