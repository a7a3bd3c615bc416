import type { InjectOptions } from 'fastify';
import { describe, expect, it } from 'vitest';
import { api, ask, problemOf, slugOf } from './api.ts';
import { fakeService } from './fake-service.ts';
import { now, rolloutId, rolloutIn, running } from './rollouts.ts';

const path = `/v1/rollouts/${rolloutId}/actions`;
const json = { 'content-type': 'application/json' };

async function rollBack(sent: Pick<InjectOptions, 'payload' | 'headers'>, name = 'rollback') {
  const service = fakeService();
  const response = await ask(api({ service }), { method: 'POST', url: `${path}/${name}`, ...sent });
  const warning = response.headers['rollout-warning'];
  return { response, warning, commands: service.asked.map((one) => ('command' in one ? one.command : null)) };
}

describe('going back is never refused for what stands in the body', () => {
  it.each([
    ['an unknown property', { force: true }, {}, '/force'],
    ['a reason that is no text', { reason: 5 }, {}, '/reason: write text'],
    ['an empty reason', { reason: '' }, {}, '/reason'],
    ['a reason of two lines', { reason: 'a\nb' }, {}, '/reason: a reason is one line'],
    ['a reason of 501 characters', { reason: 'x'.repeat(501) }, {}, '/reason'],
    ['an expectation that is no object', { expect: 7 }, {}, '/expect'],
    ['a list', [1], {}, 'the body: write an object'],
    ['text', '"now"', {}, 'the body: write an object'],
    ['null', 'null', {}, 'the body: write an object'],
    [
      'a right part beside wrong ones',
      { reason: 'incident 4711', expect: { revision: 7, step: 1 }, why: 'x' },
      { reason: 'incident 4711', expect: { revision: 7 } },
      '/expect/step',
    ],
  ])('%s is left out, and the answer says so', async (_name, body, kept, said) => {
    const payload = typeof body === 'string' ? body : JSON.stringify(body);
    for (const name of ['rollback', 'abort']) {
      const { response, warning, commands } = await rollBack({ payload, headers: json }, name);
      expect(response.statusCode).toBe(202);
      expect(commands).toEqual([{ action: 'rollback', ...kept }]);
      expect(warning).toContain(said);
    }
  });

  it.each([
    ['no JSON', 'roll back!', json],
    ['truncated JSON', '{"reason":"x', json],
    ['a form', 'reason=x', { 'content-type': 'application/x-www-form-urlencoded' }],
    ['bytes that are not UTF-8', Buffer.from([0x7b, 0xff]), json],
    ['a forbidden key', '{"__proto__":{}}', json],
    ['a compressed body', 'xx', { ...json, 'content-encoding': 'gzip' }],
    ['no content type', 'now', { 'content-type': '' }],
    ['a content type with a tab in it', 'now', { 'content-type': 'application/json\tx' }],
  ])('%s is left out as a whole', async (_name, payload, headers) => {
    const { response, warning, commands } = await rollBack({ payload, headers });
    expect(response.statusCode).toBe(202);
    expect(commands).toEqual([{ action: 'rollback' }]);
    expect(warning).toMatch(/^left out: /);
  });

  it('JSON that curl calls a form is read', async () => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const { warning, commands } = await rollBack({ payload: '{"reason":"incident 4711"}', headers });
    expect([commands, warning]).toEqual([[{ action: 'rollback', reason: 'incident 4711' }], undefined]);
  });

  it('a body that is right gets no warning', async () => {
    expect((await rollBack({ payload: { reason: 'x' } })).warning).toBeUndefined();
  });

  it('the warning is one line of printable ASCII, whatever was sent', async () => {
    const payload = { [`é\r\nset-cookie: a=b${'x'.repeat(900)}`]: 1, ü: 2 };
    const { response, warning } = await rollBack({ payload });
    expect(response.statusCode).toBe(202);
    expect(warning).toMatch(/^[\x20-\x7e]{1,500}$/);
    expect(response.headers['set-cookie']).toBeUndefined();
  });

  it('a view that is no longer true still refuses, and what was left out is said', async () => {
    const service = fakeService();
    const refusal = { code: 'stale-view' as const, message: 'It has moved on.' };
    service.answers.act = { kind: 'refused', refusal, rollout: rolloutIn(running), now };
    const payload = { expect: { revision: 1 }, reason: 5 };
    const response = await ask(api({ service }), { method: 'POST', url: `${path}/rollback`, payload });
    expect(slugOf(response)).toBe('stale-view');
    expect(response.headers['rollout-warning']).toContain('/reason');
    expect(service.asked).toMatchObject([{ command: { expect: { revision: 1 } } }]);
  });

  it('other actions stay strict', async () => {
    for (const name of ['pause', 'promote', 'advance', 'cancel']) {
      const { response, commands } = await rollBack({ payload: { reason: 5 } }, name);
      expect([problemOf(response).status, commands]).toEqual([422, []]);
    }
  });
});
