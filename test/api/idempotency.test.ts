import { describe, expect, it } from 'vitest';
import { aliceToken, api, ask, ciToken, problemOf, slugOf } from './api.ts';
import { fakeService } from './fake-service.ts';
import { bodyAsWritten, rolloutId } from './rollouts.ts';

type Sent = { key: string; payload?: object; url?: string; token?: string };

function sender(service = fakeService()) {
  const app = api({ service });
  return ({ key, payload = bodyAsWritten, url = '/v1/rollouts', token = aliceToken }: Sent) =>
    ask(app, {
      method: 'POST',
      url,
      payload,
      headers: { 'idempotency-key': key, authorization: `Bearer ${token}` },
    });
}

const rollback = `/v1/rollouts/${rolloutId}/actions/rollback`;

describe('a repeated request with an Idempotency-Key', () => {
  it('gets the first answer again, byte for byte, and starts nothing', async () => {
    const service = fakeService();
    const send = sender(service);
    const first = await send({ key: '"deploy:8812"' });
    const second = await send({ key: '"deploy:8812"' });
    expect(second.statusCode).toBe(202);
    expect(second.body).toBe(first.body);
    expect(second.headers.location).toBe(first.headers.location);
    expect([first.headers['idempotent-replayed'], second.headers['idempotent-replayed']]).toEqual([
      undefined,
      'true',
    ]);
    expect(service.asked).toHaveLength(1);
  });

  it('may write the key in quotes or bare', async () => {
    const send = sender();
    await send({ key: '"deploy:8812"' });
    expect((await send({ key: 'deploy:8812' })).headers['idempotent-replayed']).toBe('true');
  });

  it('with another body is refused', async () => {
    const send = sender();
    await send({ key: 'k1' });
    const response = await send({ key: 'k1', payload: { ...bodyAsWritten, reason: 'another' } });
    expect(slugOf(response)).toBe('idempotency-key-reused');
  });

  it('of somebody else, or on another path, is another request', async () => {
    const service = fakeService();
    const send = sender(service);
    await send({ key: 'k1' });
    await send({ key: 'k1', token: ciToken });
    await send({ key: 'k1', url: rollback, payload: {} });
    expect(service.asked).toHaveLength(3);
  });

  it('works for actions too', async () => {
    const service = fakeService();
    const send = sender(service);
    const first = await send({ key: 'k1', url: rollback, payload: { reason: 'errors' } });
    const second = await send({ key: 'k1', url: rollback, payload: { reason: 'errors' } });
    expect(second.body).toBe(first.body);
    expect(service.asked).toHaveLength(1);
  });

  it('is told to wait while the first one runs', async () => {
    const service = fakeService();
    service.answers = { create: { kind: 'answeredBefore' }, act: { kind: 'answeredBefore' } };
    const send = sender(service);
    for (const response of [
      await send({ key: 'k1' }),
      await send({ key: 'k1', url: rollback, payload: {} }),
    ]) {
      expect(slugOf(response)).toBe('idempotency-in-progress');
      expect(response.headers['retry-after']).toBe('1');
    }
  });

  it('that lost the race gets the answer of the winner', async () => {
    const service = fakeService();
    const create = service.create;
    service.create = async (request, actor, remember) => {
      await create(request, actor, remember);
      return { kind: 'answeredBefore' };
    };
    const response = await sender(service)({ key: 'k1' });
    expect([response.statusCode, response.headers['idempotent-replayed']]).toEqual([202, 'true']);
  });

  it('runs again when the first one was refused', async () => {
    const service = fakeService();
    service.answers = { create: { kind: 'targetMissing' } };
    const send = sender(service);
    expect(problemOf(await send({ key: 'k1' })).status).toBe(422);
    service.answers = {};
    expect((await send({ key: 'k1' })).statusCode).toBe(202);
  });
});
