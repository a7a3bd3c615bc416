import { afterEach, describe, expect, it } from 'vitest';
import type { AuditRow } from '../../src/rollout/audit.ts';
import type { State } from '../../src/rollout/state.ts';
import { fakeTimer, settled } from '../fakes/timer.ts';
import { api, ask, problemOf, slugOf } from './api.ts';
import { fakeService } from './fake-service.ts';
import { alice, now, rolledBack, rolloutId, rolloutIn, running } from './rollouts.ts';
import { listening, read } from './sse.ts';

const path = `/v1/rollouts/${rolloutId}`;
const paused: State = {
  kind: 'paused',
  position: { step: 1, startedAt: now, overridden: false, bakeEnded: false },
  since: now,
  reason: { kind: 'operator', by: alice, note: 'a look at the logs' },
};
const succeeded: State = { kind: 'succeeded', at: now };
const closings: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closings.splice(0)) await close();
});

async function world(state: State = running) {
  const service = fakeService([rolloutIn(state)]);
  const timer = fakeTimer();
  const app = api({ service, timer });
  closings.push(() => app.close());
  await app.ready();
  function becomes(next: State): void {
    service.rollouts[0] = rolloutIn(next);
    const seq = service.rows.length + 1;
    const row: AuditRow = {
      type: 'rollout.paused',
      actor: alice,
      message: 'A change.',
      facts: {},
      number: seq,
      seq,
      rolloutId,
      subject: rolloutId,
      at: now,
    };
    service.rows.push(row);
  }
  return { app, service, timer, becomes };
}

/** A request that waits by now, unless it was answered at once. */
async function asking({ app, timer }: Awaited<ReturnType<typeof world>>, url: string) {
  let isThere = false;
  const answer = ask(app, { url }).finally(() => {
    isThere = true;
  });
  const before = timer.waiting();
  for (let turn = 0; turn < 50 && !isThere && timer.waiting() === before; turn += 1) await settled();
  return { answer, isThere: () => isThere };
}

describe('a long poll', () => {
  it('is answered as soon as what it waits for holds', async () => {
    const here = await world();
    const { timer, becomes } = here;
    const poll = await asking(here, `${path}?waitFor=terminal,paused`);
    await timer.pass(10_000);
    expect(poll.isThere()).toBe(false);
    becomes(paused);
    await timer.pass(500);
    const answer = await poll.answer;
    expect(answer.json()).toMatchObject({ status: 'paused', wait: { satisfied: true, by: 'paused' } });
    expect(answer.headers.etag).toBe('"7"');
    expect(timer.waiting()).toBe(0);
  });

  it('is answered after its time, as the rollout stands then', async () => {
    const here = await world();
    const { timer } = here;
    const poll = await asking(here, `${path}/status?waitFor=terminal&timeout=20`);
    await timer.pass(19_000);
    expect(poll.isThere()).toBe(false);
    await timer.pass(1000);
    expect((await poll.answer).json()).toMatchObject({
      status: 'running',
      exitCode: 8,
      wait: { satisfied: false, by: null },
    });
  });

  it('takes 50 seconds unless told otherwise', async () => {
    const here = await world();
    const { timer } = here;
    const poll = await asking(here, `${path}?waitFor=terminal`);
    await timer.pass(49_000);
    expect(poll.isThere()).toBe(false);
    await timer.pass(1000);
    expect((await poll.answer).statusCode).toBe(200);
  });

  it('sees the end that comes in its last moment', async () => {
    const here = await world();
    const { service, timer } = here;
    const poll = await asking(here, `${path}?waitFor=terminal&timeout=1`);
    await timer.pass(900);
    service.rollouts[0] = rolloutIn(rolledBack);
    await timer.pass(100);
    expect((await poll.answer).json().wait).toEqual({ satisfied: true, by: 'terminal' });
  });

  it('answers lines to curl, too', async () => {
    const { app } = await world(rolledBack);
    const url = `${path}/status?waitFor=terminal`;
    const answer = await ask(app, { url, headers: { accept: 'text/plain' } });
    expect(answer.body).toMatch(/^exit=3 status=rolled_back\n/);
    expect(answer.headers['rollout-exit-code']).toBe('3');
  });

  it.each([
    ['terminal', rolledBack, true],
    ['terminal', running, false],
    ['paused', paused, true],
    ['holding', running, false],
    ['awaiting_approval', running, false],
    ['step:0', running, true],
    ['step:1', running, true],
    ['step:2', running, false],
    ['step:2', succeeded, true],
    ['step:0', rolledBack, false],
    ['weight:5', running, true],
    ['weight:5.01', running, false],
    ['weight:0', running, true],
  ])('for %s in a rollout that is %j is satisfied: %s', async (waitFor, state, satisfied) => {
    const here = await world(state);
    const { timer } = here;
    const poll = await asking(here, `${path}?waitFor=${waitFor}&timeout=1`);
    await timer.pass(1000);
    expect((await poll.answer).json().wait).toEqual({ satisfied, by: satisfied ? waitFor : null });
  });

  it('is answered at once when the rollout has ended, whatever it waits for', async () => {
    const { app } = await world(rolledBack);
    const answer = await ask(app, { url: `${path}?waitFor=paused` });
    expect(answer.json().wait).toEqual({ satisfied: false, by: null });
  });

  it('does not hear what happens to other rollouts', async () => {
    const here = await world();
    const { service, timer } = here;
    const poll = await asking(here, `${path}?waitFor=terminal`);
    await timer.pass(1000);
    let finds = 0;
    const find = service.find.bind(service);
    service.find = (id) => {
      finds += 1;
      return find(id);
    };
    service.rows.push({
      type: 'page',
      actor: alice,
      message: 'Elsewhere.',
      facts: {},
      number: 1,
      seq: 1,
      rolloutId: rolloutId.replace('1YC', '1YD'),
      subject: rolloutId.replace('1YC', '1YD'),
      at: now,
    });
    await timer.pass(5000);
    expect([poll.isThere(), finds]).toEqual([false, 0]);
    await timer.pass(50_000);
    await poll.answer;
  });

  it('goes on when the database fails in between', async () => {
    const here = await world();
    const { service, timer, becomes } = here;
    const poll = await asking(here, `${path}?waitFor=paused`);
    await timer.pass(1000);
    service.broken = new Error('down');
    await timer.pass(5000);
    service.broken = null;
    becomes(paused);
    await timer.pass(6000);
    expect((await poll.answer).json().wait.satisfied).toBe(true);
  });

  it('is answered with a problem when the database still fails at its end', async () => {
    const here = await world();
    const { service, timer } = here;
    const poll = await asking(here, `${path}?waitFor=paused&timeout=5`);
    await timer.pass(1000);
    service.broken = new Error('down');
    await timer.pass(5000);
    expect((await poll.answer).statusCode).toBe(500);
  });

  it('is answered at once when this instance shuts down', async () => {
    const here = await world();
    const { app, timer } = here;
    const poll = await asking(here, `${path}/status?waitFor=terminal`);
    await timer.pass(1000);
    await app.close();
    expect((await poll.answer).json()).toMatchObject({ exitCode: 8, wait: { satisfied: false } });
  });

  it('ends when the client is gone', async () => {
    const { app, timer } = await world();
    const url = await listening(app);
    const gone = new AbortController();
    const poll = fetch(`${url}${path}?waitFor=terminal`, {
      headers: { authorization: 'Bearer alice-token-0123456789abcdef' },
      signal: gone.signal,
    }).catch(() => null);
    await expect.poll(() => timer.waiting()).toBe(2);
    gone.abort();
    await poll;
    await expect.poll(() => timer.waiting()).toBe(0);
  });

  it('is not cut off by the time limit for idle connections, and leaves the connection usable', async () => {
    const { app, timer } = await world();
    const url = await listening(app);
    const poll = read(`${url}${path}?waitFor=terminal`, { accept: 'application/json' });
    await expect.poll(() => timer.waiting()).toBe(2);
    await timer.pass(50_000);
    expect((await poll).status).toBe(200);
  });

  it('asks nobody when there is no such rollout', async () => {
    const { app } = await world();
    const answer = await ask(app, { url: `${path.replace('1YC', '1YD')}/status?waitFor=terminal` });
    expect(slugOf(answer)).toBe('not-found');
  });

  it('is refused when one name has two hundred', async () => {
    const here = await world();
    const { app, timer } = here;
    const polls = await Promise.all(
      Array.from({ length: 200 }, () => asking(here, `${path}?waitFor=terminal`)),
    );
    await expect.poll(() => timer.waiting()).toBe(201);
    expect(slugOf(await ask(app, { url: `${path}?waitFor=terminal` }))).toBe('too-many-listeners');
    await timer.pass(50_000);
    await Promise.all(polls.map(({ answer }) => answer));
    await expect.poll(async () => (await ask(app, { url: `${path}?waitFor=weight:5` })).statusCode).toBe(200);
  });
});

describe('what a long poll waits for', () => {
  it.each([
    ['terminl', 'did you mean "terminal"?'],
    ['paused,holdng', 'did you mean "holding"?'],
    [
      'done',
      'write "terminal", "paused", "awaiting_approval", "holding", "step:<index>" or "weight:<percent>", separated by commas',
    ],
    [
      'weight:101',
      'write "terminal", "paused", "awaiting_approval", "holding", "step:<index>" or "weight:<percent>", separated by commas',
    ],
  ])('written as %s is refused with a sentence that says what to write', async (waitFor, detail) => {
    const { app } = await world();
    const answer = await ask(app, { url: `${path}?waitFor=${waitFor}` });
    expect(answer.statusCode).toBe(400);
    expect(problemOf(answer).errors).toEqual([{ pointer: 'waitFor', code: 'not-one-of', detail }]);
  });

  it.each(['0', '56', 'x', '1.5'])('may not take %s seconds', async (timeout) => {
    const { app } = await world();
    const answer = await ask(app, { url: `${path}/status?waitFor=terminal&timeout=${timeout}` });
    expect([answer.statusCode, problemOf(answer).errors?.[0]?.pointer]).toEqual([400, 'timeout']);
  });
});

describe('a filter by status', () => {
  it('that is misspelled is answered with the right word', async () => {
    const { app } = await world();
    const errors = problemOf(await ask(app, { url: '/v1/rollouts?status=running,pausd' })).errors;
    expect(errors).toEqual([{ pointer: 'status', code: 'not-one-of', detail: 'did you mean "paused"?' }]);
  });
});
