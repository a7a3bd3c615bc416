import { get } from 'node:http';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import type { AuditRow } from '../../src/rollout/audit.ts';
import type { State } from '../../src/rollout/state.ts';
import { fakeTimer } from '../fakes/timer.ts';
import { aliceToken, api, ask, ciToken, problemOf, slugOf } from './api.ts';
import { fakeService } from './fake-service.ts';
import { alice, now, rolledBack, rolloutId, rolloutIn, running } from './rollouts.ts';
import { listening, read } from './sse.ts';

const path = `/v1/rollouts/${rolloutId}/events`;
const stream = { accept: 'text/event-stream' };
const closings: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closings.splice(0)) await close();
});

function row(seq: number, type = 'weight.applied', changes: Partial<AuditRow> = {}): AuditRow {
  const message = `Line ${seq}.`;
  const about = { rolloutId, subject: rolloutId };
  return { ...about, number: 100 + seq, seq, at: now, type, actor: alice, message, facts: {}, ...changes };
}

/** A server that listens, and what stands behind it. */
async function world(state: State = running, rows: AuditRow[] = []) {
  const service = fakeService([rolloutIn(state)]);
  service.rows.push(...rows);
  const timer = fakeTimer();
  const app = api({ service, timer });
  closings.push(() => app.close());
  return { app, service, timer, url: await listening(app) };
}

/** Asks for a stream as alice; call the answer to hang up before it begins. */
function leaving(url: string): () => void {
  const headers = { authorization: `Bearer ${aliceToken}`, ...stream };
  const request = get(url, { headers, agent: false }).on('error', () => undefined);
  return () => request.destroy();
}

const types = (frames: { event: string | null }[]) => frames.map(({ event }) => event);
const ids = (frames: { id: string | null }[]) => frames.map(({ id }) => id);

describe("a rollout's live events", () => {
  it('begin with the whole rollout, then bring every row so far and every new one', async () => {
    const { service, timer, url } = await world(running, [row(1, 'rollout.scheduled'), row(2)]);
    const reader = await read(url + path);
    expect(types(await reader.frames(3))).toEqual(['snapshot', 'rollout.scheduled', 'weight.applied']);
    service.rows.push(row(3, 'step.started', { message: 'Two\nlines.' }));
    await timer.pass(500);
    const frames = await reader.frames(4);
    expect(ids(frames)).toEqual([null, '1', '2', '3']);
    expect(frames[0]?.data).toMatchObject({ id: rolloutId, status: 'running', weight: { applied: 5 } });
    expect(frames[3]?.data).toMatchObject({ seq: 3, type: 'step.started', message: 'Two\nlines.' });
  });

  it('bring a row whose type only a newer version knows, as it is', async () => {
    const { app, service, timer, url } = await world(running, [
      row(1, 'something.new', { facts: { odd: [1] } }),
    ]);
    const reader = await read(url + path);
    const frames = await reader.frames(2);
    expect(types(frames)).toEqual(['snapshot', 'something.new']);
    expect(frames[1]?.data).toMatchObject({ seq: 1, type: 'something.new', facts: { odd: [1] } });
    service.rows.push(row(2, 'torn\nevent: end'));
    await timer.pass(500);
    expect((await reader.frames(3))[2]).toMatchObject({ event: 'torn event: end', id: '2' });
    for (const listed of [path, '/v1/events', '/v1/audit']) {
      const answer = await ask(app, { url: listed });
      expect(answer.json().data[0], listed).toMatchObject({ type: 'something.new' });
    }
    const lines = await ask(app, { url: '/v1/audit', headers: { accept: 'application/x-ndjson' } });
    expect(lines.body).toContain('"type":"something.new"');
  });

  it('are kept by nobody on the way', async () => {
    const { url } = await world();
    const { status, headers } = await read(url + path);
    expect(status).toBe(200);
    expect(headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache',
      'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
      vary: 'accept',
    });
  });

  it('go on after Last-Event-ID, by header or by query', async () => {
    const { url } = await world(running, [row(1), row(2), row(3)]);
    const byHeader = await read(url + path, { 'last-event-id': '2' });
    expect(ids(await byHeader.frames(2))).toEqual([null, '3']);
    const byQuery = await read(`${url}${path}?lastEventId=1`);
    expect(ids(await byQuery.frames(3))).toEqual([null, '2', '3']);
    const both = await read(`${url}${path}?lastEventId=1`, { 'last-event-id': '2' });
    expect(ids(await both.frames(2))).toEqual([null, '3']);
  });

  it('end after the last row of a rollout that has ended, and with them the connection', async () => {
    const { service, timer, url } = await world(running, [row(1)]);
    const reader = await read(url + path);
    await reader.frames(2);
    service.rollouts[0] = rolloutIn(rolledBack);
    service.rows.push(row(2, 'rollout.rolled_back'), row(3, 'page'));
    await timer.pass(500);
    await reader.ended();
    expect(types(await reader.frames(5))).toEqual([
      'snapshot',
      'weight.applied',
      'rollout.rolled_back',
      'page',
      'end',
    ]);
  });

  it('of a rollout that ended before are its whole story', async () => {
    const { url } = await world(rolledBack, [row(1), row(2, 'rollout.rolled_back')]);
    const reader = await read(url + path);
    await reader.ended();
    expect(types(await reader.frames(4))).toEqual([
      'snapshot',
      'weight.applied',
      'rollout.rolled_back',
      'end',
    ]);
  });

  it('answer 204 to whoever has them all, so that a browser stops to reconnect', async () => {
    const { url, app } = await world(rolledBack, [row(1), row(2, 'rollout.rolled_back')]);
    expect((await read(url + path, { 'last-event-id': '2' })).status).toBe(204);
    const answer = await ask(app, { url: `${path}?lastEventId=9`, headers: stream });
    expect([answer.statusCode, answer.body]).toEqual([204, '']);
  });

  it('come in pages from the log when a row was missed or many are there', async () => {
    const rows = Array.from({ length: 450 }, (_, index) => row(index + 1));
    const { service, timer, url } = await world(running, rows);
    const reader = await read(url + path);
    await reader.frames(451);
    service.rows.push(row(451, 'page', { at: now - 60_000 }), row(452));
    await timer.pass(500);
    const seqs = ids(await reader.frames(453)).slice(1);
    expect(seqs).toEqual(Array.from({ length: 452 }, (_, index) => String(index + 1)));
  });

  it('wait for a database that fails in between, and lose nothing', async () => {
    const { service, timer, url } = await world(running, [row(1)]);
    const reader = await read(url + path);
    await reader.frames(2);
    service.broken = new Error('down');
    await timer.pass(10_000);
    service.broken = null;
    service.rows.push(row(2));
    await timer.pass(10_000);
    expect(ids(await reader.frames(3))).toEqual([null, '1', '2']);
  });

  it('carry a comment every 15 seconds, also while the database fails', async () => {
    const { service, timer, url } = await world();
    const reader = await read(url + path);
    await reader.frames(1);
    service.broken = new Error('down');
    await timer.pass(46_000);
    service.broken = null;
    service.rows.push(row(1));
    await timer.pass(10_000);
    await reader.frames(2);
    expect(reader.text().match(/^: still here$/gm)).toHaveLength(3);
  });

  it('stop asking the database when the reader has left', async () => {
    const { timer, url } = await world();
    const reader = await read(url + path);
    await reader.frames(1);
    reader.leave();
    await expect.poll(() => timer.waiting()).toBe(0);
  });

  it('end when the server closes, which does not wait for them', async () => {
    const { app, url } = await world();
    const reader = await read(url + path);
    await reader.frames(1);
    await app.close();
    await reader.ended();
  });

  it('stay a page of JSON for whoever does not ask for a stream', async () => {
    const { app } = await world(running, [row(1), row(2)]);
    const answer = await ask(app, { url: path });
    expect(answer.json().data).toHaveLength(2);
    expect((await ask(app, { url: `${path}?lastEventId=1` })).json().data).toHaveLength(1);
  });

  it('say what they would be to a HEAD request, and do not stay open', async () => {
    const { app } = await world();
    const answer = await ask(app, { method: 'HEAD', url: path, headers: stream });
    expect([answer.statusCode, answer.headers['content-type']]).toEqual([200, 'text/event-stream']);
  });
});

describe('a stream is refused with a problem', () => {
  it('without a token', async () => {
    const { app } = await world();
    const answer = await app.inject({ url: path, headers: stream });
    expect(slugOf(answer)).toBe('unauthenticated');
  });

  it('when the place to go on is no number', async () => {
    const { app } = await world();
    const byHeader = await ask(app, { url: path, headers: { ...stream, 'last-event-id': 'abc' } });
    expect(problemOf(byHeader).errors).toEqual([
      {
        pointer: 'last-event-id',
        code: 'invalid-format',
        detail: 'is the id of the last event that was received, a whole number',
      },
    ]);
    const byQuery = await ask(app, { url: `${path}?lastEventId=-1`, headers: stream });
    expect([byQuery.statusCode, problemOf(byQuery).errors?.[0]?.pointer]).toEqual([400, 'lastEventId']);
  });

  it('when there is no such rollout, or another media type is wanted', async () => {
    const { app } = await world();
    const other = path.replace('1YC', '1YD');
    expect(slugOf(await ask(app, { url: other, headers: stream }))).toBe('not-found');
    expect(slugOf(await ask(app, { url: path, headers: { accept: 'text/html' } }))).toBe('not-acceptable');
  });

  it('when the token has twenty open, until one of them is closed', async () => {
    const { app, url } = await world();
    const readers = await Promise.all(Array.from({ length: 20 }, () => read(url + path)));
    const refused = await ask(app, { url: path, headers: stream });
    expect(problemOf(refused)).toMatchObject({
      type: '/problems/too-many-listeners',
      detail: 'alice has 20 live streams open, which is the most.',
    });
    expect([refused.statusCode, refused.headers['retry-after']]).toEqual([429, '5']);
    const other = await read(url + path, { authorization: `Bearer ${ciToken}` });
    expect(other.status).toBe(200);
    readers[0]?.leave();
    await expect.poll(async () => (await read(url + path)).status).toBe(200);
  });

  it('not to whoever comes after readers that left before their stream began', async () => {
    const { app, service, url } = await world();
    const { find } = service;
    let answer = () => {};
    const slow = new Promise<void>((resolve) => {
      answer = resolve;
    });
    let asking = 0;
    service.find = async (id) => {
      asking += 1;
      await slow;
      return find(id);
    };
    const left = Array.from({ length: 20 }, () => leaving(url + path));
    await expect.poll(() => asking).toBe(20);
    for (const leave of left) leave();
    const connections = promisify(app.server.getConnections.bind(app.server));
    await expect.poll(() => connections()).toBe(0);
    answer();
    await expect.poll(async () => (await read(url + path)).status).toBe(200);
  });

  it('when the database does not answer', async () => {
    const { app, service } = await world();
    service.broken = new Error('down');
    const answer = await ask(app, {
      url: path,
      headers: { ...stream, authorization: `Bearer ${aliceToken}` },
    });
    expect(slugOf(answer)).toBe('internal');
  });
});

describe('live events of all rollouts', () => {
  const all = '/v1/events';

  it('begin with the last 30 seconds and then bring every row, with its number as the id', async () => {
    const { service, timer, url } = await world(running, [row(1, 'page', { at: now - 31_000 }), row(2)]);
    const reader = await read(url + all);
    await reader.frames(1);
    service.rows.push(row(3));
    await timer.pass(500);
    expect(ids(await reader.frames(2))).toEqual(['102', '103']);
  });

  it('bring a row that was written slowly under a lower number', async () => {
    const { service, timer, url } = await world(running, [row(5)]);
    const reader = await read(url + all);
    await reader.frames(1);
    service.rows.push(row(4));
    await timer.pass(500);
    expect(ids(await reader.frames(2))).toEqual(['105', '104']);
  });

  it('repeat 30 seconds after a reconnect, so that no slow row is missed', async () => {
    const rows = [row(1, 'page', { at: now - 60_000 }), row(2, 'page', { at: now - 20_000 }), row(3), row(4)];
    const { url } = await world(running, rows);
    const reader = await read(url + all, { 'last-event-id': '103' });
    expect(ids(await reader.frames(3))).toEqual(['102', '103', '104']);
  });

  it('are filtered by namespace, VirtualService and type', async () => {
    const { service, timer, url } = await world(running, [row(1), row(2, 'page')]);
    const typed = await read(`${url}${all}?type=page&namespace=payments`);
    const elsewhere = await read(`${url}${all}?namespace=other`);
    const named = await read(`${url}${all}?virtualService=payment-service`);
    expect(ids(await typed.frames(1))).toEqual(['102']);
    expect(ids(await named.frames(2))).toEqual(['101', '102']);
    service.rows.push(row(3, 'page'));
    await timer.pass(15_000);
    expect(ids(await typed.frames(2))).toEqual(['102', '103']);
    expect(elsewhere.text()).not.toContain('data:');
  });

  it('are all sent, each once, when many rows are there', async () => {
    const rows = Array.from({ length: 700 }, (_, index) => row(index + 1));
    const { timer, url } = await world(running, rows);
    const reader = await read(`${url}${all}?lastEventId=0`);
    await reader.frames(700);
    await timer.pass(2000);
    expect(new Set(ids(await reader.frames(700))).size).toBe(700);
  });

  it('cut a reader off that is too slow, and let go of what it held', async () => {
    const { service, timer, url } = await world(running, [row(1)]);
    const reader = await read(url + all);
    await reader.frames(1);
    reader.pause();
    const facts = { blob: 'x'.repeat(100_000) };
    service.rows.push(...Array.from({ length: 200 }, (_, index) => row(index + 2, 'page', { facts })));
    await timer.pass(500);
    await expect.poll(() => timer.waiting()).toBe(0);
  });

  it('cut a reader off that takes nothing for half a minute while older rows are sent', async () => {
    const facts = { blob: 'x'.repeat(100_000) };
    const rows = Array.from({ length: 300 }, (_, index) => row(index + 1, 'page', { facts }));
    const { timer, url } = await world(running, rows);
    const reader = await read(url + all);
    reader.pause();
    await new Promise((resolve) => setTimeout(resolve, 300));
    await timer.pass(30_000);
    await expect.poll(() => timer.waiting()).toBe(0);
  });

  it('begin as soon as the database answers', async () => {
    const { service, timer, url } = await world(running, [row(1)]);
    service.broken = new Error('down');
    const reader = await read(url + all);
    await timer.pass(4000);
    service.broken = null;
    await timer.pass(10_000);
    expect(ids(await reader.frames(1))).toEqual(['101']);
  });

  it('come as pages, too, which say from where to go on so that no slow row is missed', async () => {
    const rows = [row(1, 'page', { at: now - 60_000 }), row(2, 'page', { at: now - 40_000 }), row(3), row(4)];
    const { app } = await world(running, rows);
    const first = (await ask(app, { url: `${all}?limit=3` })).json();
    expect(first.data.map((one: AuditRow) => one.number)).toEqual([101, 102, 103]);
    expect(first.page).toEqual({ nextAfter: 103, hasMore: true, resumeAfter: 102 });
    const second = (await ask(app, { url: `${all}?after=103` })).json();
    expect(second.page).toEqual({ nextAfter: 104, hasMore: false, resumeAfter: 102 });
    expect((await ask(app, { url: `${all}?after=104` })).json().page).toEqual({
      nextAfter: null,
      hasMore: false,
      resumeAfter: 102,
    });
  });

  it('refuse filters that mean nothing', async () => {
    const { app } = await world();
    for (const query of ['nmespace=a', 'type=pge', 'namespace=A', 'after=x', 'limit=0']) {
      const answer = await ask(app, { url: `${all}?${query}` });
      expect([query, answer.statusCode]).toEqual([query, 400]);
    }
    expect(problemOf(await ask(app, { url: `${all}?type=pge` })).errors?.[0]?.detail).toBe(
      'did you mean "page"?',
    );
  });
});
