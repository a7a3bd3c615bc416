import { connect } from 'node:net';
import { Writable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { describe, expect, it } from 'vitest';
import { isSlug, problemKinds } from '../../src/api/problems.ts';
import { AppError } from '../../src/errors.ts';
import { aliceToken, api, ask, problemOf, slugOf } from './api.ts';
import { fakeService } from './fake-service.ts';
import { bodyAsWritten, rolloutId } from './rollouts.ts';

const secret = 'postgres://canaryd:hunter2@db.internal:5432/canaryd';

function brokenBy(error: Error) {
  const service = fakeService();
  service.broken = error;
  return service;
}

describe('when something breaks', () => {
  it('an answer never holds the message of the failure', async () => {
    const errors = [
      new Error(`connect failed: ${secret}`),
      new AppError('corruptRow', `row 7 of ${secret}`),
      new AppError('databaseUnavailable', `cannot reach ${secret}`, { cause: new Error(secret) }),
      Object.assign(new Error(secret), { statusCode: 418, code: 'FST_ERR_UNKNOWN' }),
    ];
    for (const error of errors) {
      const app = api({ service: brokenBy(error) });
      const answers = [
        await ask(app, { url: '/v1/rollouts' }),
        await ask(app, { url: `/v1/rollouts/${rolloutId}/status` }),
        await ask(app, { method: 'POST', url: '/v1/rollouts', payload: bodyAsWritten }),
        await ask(app, { method: 'POST', url: `/v1/rollouts/${rolloutId}/actions/rollback` }),
      ];
      for (const answer of answers) {
        problemOf(answer);
        expect(answer.body).not.toMatch(/hunter2|db\.internal/);
      }
    }
  });

  it('a database that does not answer is 503 with a time to wait', async () => {
    for (const code of ['databaseUnavailable', 'databaseTimeout'] as const) {
      const response = await ask(api({ service: brokenBy(new AppError(code, 'down')) }), {
        url: '/v1/rollouts',
      });
      expect(slugOf(response)).toBe('database-unavailable');
      expect(response.headers['retry-after']).toBe('2');
    }
  });

  it('the log says what broke, without credentials, tokens, queries or bodies', async () => {
    const lines: string[] = [];
    const stream = new Writable({
      write: (chunk, _encoding, done) => {
        lines.push(String(chunk));
        done();
      },
    });
    const app = api({
      service: brokenBy(new Error(`no route to ${secret}`)),
      log: { level: 'trace', stream },
    });
    const response = await ask(app, { method: 'POST', url: '/v1/rollouts', payload: bodyAsWritten });
    await ask(app, { url: '/v1/rollouts?namespace=secret-namespace' });
    const log = lines.join('');
    expect(log).toContain('no route to postgres://***@db.internal');
    expect(log).toContain(problemOf(response).requestId);
    for (const hidden of ['hunter2', aliceToken, 'secret-namespace', 'CHG0041234'])
      expect(log).not.toContain(hidden);
  });

  it('an answer that does not fit the contract is a failure, not a leak', async () => {
    const service = fakeService();
    const [rollout] = service.rollouts;
    if (rollout !== undefined) service.rollouts = [{ ...rollout, id: 'not-an-id', revision: 1.5 }];
    expect(slugOf(await ask(api({ service }), { url: '/v1/rollouts' }))).toBe('internal');
  });
});

describe('every answer', () => {
  it('is kept by no cache, guessed at by no browser, and can be found in the log', async () => {
    const app = api();
    const answers = [
      await ask(app, { url: '/v1/rollouts' }),
      await app.inject({ url: '/v1/rollouts' }),
      await app.inject({ url: '/nothing' }),
      await app.inject({ url: '/%zz' }),
      await app.inject({ url: '/healthz' }),
    ];
    for (const { headers } of answers) {
      expect(headers).toMatchObject({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
      expect(headers['x-request-id']).toMatch(/^req_[0-9A-Z]{26}$/);
    }
  });

  it('has a page behind the type of its problem', async () => {
    const app = api();
    for (const slug of Object.keys(problemKinds)) {
      const page = await ask(app, { url: `/problems/${slug}` });
      expect([isSlug(slug), page.statusCode, page.headers['content-type']]).toEqual([
        true,
        200,
        'text/markdown; charset=utf-8',
      ]);
      expect(page.body).toContain(slug);
    }
    expect(slugOf(await ask(app, { url: '/problems/nothing' }))).toBe('not-found');
  });
});

describe('the probes', () => {
  it('name the part that does not answer, without addresses or credentials', async () => {
    const readiness = async () => ({
      database: { ok: false, why: `no answer from ${secret}` },
      queue: { ok: true },
    });
    const response = await api({ readiness }).inject({ url: '/readyz' });
    const problem = problemOf(response);
    expect(problem).toMatchObject({ type: '/problems/not-ready', detail: 'Not answering: database.' });
    expect(problem.parts).toMatchObject({ database: { ok: false }, queue: { ok: true } });
    expect(response.body).not.toContain('hunter2');
  });

  it('answer what they are asked for', async () => {
    const app = api();
    expect((await app.inject({ url: '/healthz' })).json()).toEqual({ status: 'ok' });
    expect((await app.inject({ url: '/readyz' })).json()).toEqual({
      status: 'ready',
      parts: { database: { ok: true } },
    });
    const metrics = await app.inject({ url: '/metrics' });
    expect(metrics.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(metrics.body).toBe('canary_weight{kind="applied"} 5\n');
  });

  it('that break are a problem like any other', async () => {
    const fail = () => Promise.reject(new Error(secret));
    const app = api({ readiness: fail, metricsText: fail });
    expect([
      slugOf(await app.inject({ url: '/readyz' })),
      slugOf(await app.inject({ url: '/metrics' })),
    ]).toEqual(['internal', 'internal']);
  });
});

async function listening(app: FastifyInstance): Promise<number> {
  await app.listen({ port: 0, host: '127.0.0.1' });
  const address = app.server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening to a port');
  return address.port;
}

describe('a server that closes', () => {
  it('begins nothing new and says so', async () => {
    const service = fakeService();
    const app = api({ service });
    let late: Response | null = null;
    app.addHook('preClose', async () => {
      const headers = { authorization: `Bearer ${aliceToken}` };
      late = await fetch(`http://127.0.0.1:${port}/v1/rollouts/${rolloutId}/actions/rollback`, {
        method: 'POST',
        headers,
      });
    });
    const port = await listening(app);
    await app.close();
    expect(late).toMatchObject({ status: 503 });
    expect(service.asked).toEqual([]);
  });
});

describe('bytes that are not HTTP', () => {
  async function answerTo(bytes: string): Promise<string> {
    const app = api();
    const port = await listening(app);
    const answer = await new Promise<string>((resolve, reject) => {
      let text = '';
      const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
      socket.on('data', (chunk) => {
        text += String(chunk);
      });
      socket.on('close', () => resolve(text));
      socket.on('error', reject);
    });
    await app.close();
    return answer;
  }

  it.each([
    ['nonsense', 'NONSENSE\r\n\r\n', 400, 'malformed-request'],
    [
      'two lengths',
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
      400,
      'malformed-request',
    ],
    [
      'a length and chunks',
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
      'malformed-request',
    ],
    [
      '20 KB of headers',
      `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
      431,
      'headers-too-large',
    ],
  ])('%s are answered with a problem and a closed connection', async (_name, bytes, status, slug) => {
    const [head = '', body = ''] = (await answerTo(bytes)).split('\r\n\r\n');
    expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(head).toContain('Connection: close');
    expect(JSON.parse(body)).toMatchObject({ type: `/problems/${slug}`, status });
  });
});
