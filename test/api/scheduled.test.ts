import { describe, expect, it } from 'vitest';
import { snapshotFrame } from '../../src/api/live/frames.ts';
import { RolloutOnWire } from '../../src/api/wire.ts';
import { advance } from '../../src/rollout/advance.ts';
import { noTrouble } from '../../src/rollout/quarantine.ts';
import { rolloutService } from '../../src/rollout/service.ts';
import { fakeMesh } from '../fakes/mesh.ts';
import { fakeMetrics } from '../fakes/metrics.ts';
import { aScheduled, rolloutId } from '../fakes/rollouts.ts';
import { memoryStore } from '../fakes/store.ts';
import { darkSurroundings } from '../fakes/surroundings.ts';
import { api, ask, problemOf, slugOf } from './api.ts';
import { bodyAsWritten, now } from './rollouts.ts';

const [first, second] = [rolloutId(1), rolloutId(2)];
const { namespace, virtualService } = bodyAsWritten.target;
const tonight = '2026-11-24T23:00:00+01:00';

/** The API over a store and a mesh in memory, with a worker that takes a turn when it is told to. */
function world() {
  const clock = { now };
  const store = memoryStore({ now: () => clock.now });
  const mesh = fakeMesh();
  mesh.add({ namespace, virtualService }, { v1: 100, v2: 0 });
  const metrics = fakeMetrics();
  const deadline = () => new AbortController().signal;
  let ids = 0;
  const newId = () => {
    ids += 1;
    return rolloutId(ids);
  };
  const holds = { standing: async () => [] };
  const service = rolloutService({
    surroundings: darkSurroundings(),
    clusters: ['default'],
    mesh,
    metrics,
    rollouts: store,
    holds,
    newId,
    deadline,
  });
  const app = api({ service });
  const send = (more: object, url = '/v1/rollouts', headers: Record<string, string> = {}) =>
    ask(app, { method: 'POST', url, payload: { ...bodyAsWritten, ...more }, headers });
  const get = (path: string, headers: Record<string, string> = {}) =>
    ask(app, { url: `/v1/rollouts${path}`, headers });
  const act = (id: string, action: string) =>
    ask(app, { method: 'POST', url: `/v1/rollouts/${id}/actions/${action}` });
  const turn = (id: string) =>
    advance(
      {
        worker: 'w1',
        store,
        mesh,
        metrics,
        surroundings: darkSurroundings(),
        alarm: { ring: async () => undefined },
        deadline,
        rest: async () => undefined,
      },
      id,
    );
  return { clock, send, get, act, turn };
}

describe('a rollout with a startAt', () => {
  it('is accepted as scheduled: when it begins, what it may become, and nothing that is not known yet', async () => {
    const { send } = world();
    const response = await send({ startAt: tonight });
    expect(response.statusCode).toBe(202);
    expect(response.json()).toEqual(RolloutOnWire.parse(response.json()));
    expect(response.json()).toMatchObject({
      id: first,
      revision: 1,
      status: 'scheduled',
      statusReason: null,
      startAt: '2026-11-24T22:00:00.000Z',
      nextAt: '2026-11-24T22:00:00.000Z',
      deadlineAt: null,
      versions: null,
      weight: null,
      step: null,
      outcome: null,
      target: {
        cluster: 'default',
        namespace,
        virtualService,
        route: null,
        routes: [],
        also: [],
        stable: null,
        canary: null,
      },
      allowedActions: ['cancel', 'rollback'],
      explanation: { what: 'Scheduled for 22:00:00Z.' },
    });
  });

  it('is found by its id, in the list of what is scheduled, and by its status for a pipeline', async () => {
    const { send, get } = world();
    await send({ startAt: tonight });
    const read = await get(`/${first}`);
    expect([read.json().status, read.headers.etag]).toEqual(['scheduled', '"1"']);
    expect((await get(`/${first}`, { 'if-none-match': '"1"' })).statusCode).toBe(304);
    expect((await get('?status=scheduled')).json().data).toMatchObject([{ id: first }]);
    expect((await get('?status=preflight')).json().data).toEqual([]);
    const status = await get(`/${first}/status`);
    expect(status.json()).toMatchObject({ status: 'scheduled', exitCode: 8, terminal: false, weight: null });
    const text = await get(`/${first}/status`, { accept: 'text/plain' });
    expect(text.body.split('\n').slice(0, 2)).toEqual([
      'exit=8 status=scheduled',
      'Scheduled for 22:00:00Z.',
    ]);
    expect((await get(`/${first}/approvals`)).json()).toEqual({ data: [] });
    expect((await get(`/${first}/measurements`)).json().data).toEqual([]);
  });

  it('has its roles, its weights and its time once its turn has come', async () => {
    const { send, get, turn, clock } = world();
    await send({ startAt: tonight });
    clock.now = Date.parse(tonight);
    await turn(first);
    expect((await get(`/${first}`)).json()).toMatchObject({
      revision: 2,
      status: 'preflight',
      versions: { stable: 'v1', canary: 'v2' },
      weight: { desired: 0, applied: 0 },
      startAt: '2026-11-24T22:00:00.000Z',
      createdAt: '2026-11-24T14:00:00.000Z',
    });
    const { data } = (await get(`/${first}/events`)).json();
    expect(data.map(({ seq, type }: { seq: number; type: string }) => [seq, type])).toEqual([
      [1, 'rollout.scheduled'],
      [2, 'rollout.preflight'],
    ]);
  });

  it.each([
    ['2026-11-24T13:58:59Z', 'lies in the past'],
    ['2026-12-24T14:00:01Z', 'lies more than 30 days ahead'],
  ])('%s is refused with the field and the time that it is: %s', async (startAt, what) => {
    const { send, get } = world();
    const response = await send({ startAt });
    expect(slugOf(response)).toBe('validation-error');
    expect(problemOf(response)).toMatchObject({
      status: 422,
      errors: [
        {
          pointer: '/startAt',
          code: 'out-of-range',
          detail: `${what}. It is 2026-11-24T14:00:00.000Z now.`,
        },
      ],
    });
    expect((await get('')).json().data).toEqual([]);
  });

  it.each([
    ['tomorrow'],
    ['2026-11-24T22:00:00'],
    ['2026-11-24'],
    ['2026-02-30T22:00:00Z'],
    [1_795_557_600_000],
  ])('%j is no time with an offset', async (startAt) => {
    const { send } = world();
    expect(problemOf(await send({ startAt })).errors).toMatchObject([
      { pointer: '/startAt', detail: expect.stringContaining('2026-11-24T14:00:00Z') },
    ]);
  });

  it('is checked at once: a target that does not exist is not found out in the night', async () => {
    const { send } = world();
    const target = { namespace, virtualService: 'nowhere' };
    expect(slugOf(await send({ target, startAt: tonight }))).toBe('target-not-found');
  });
});

describe('onConflict', () => {
  it('queue waits behind the rollout that holds the VirtualService, and says which', async () => {
    const { send, get, turn } = world();
    await send({});
    const response = await send({ onConflict: 'queue' });
    expect(response.statusCode).toBe(202);
    expect(response.json()).toMatchObject({
      id: second,
      status: 'scheduled',
      statusReason: 'queued',
      startAt: null,
      explanation: { what: `Queued behind ${first}.`, actions: ['cancel', 'rollback'] },
    });
    await turn(second);
    expect((await get(`/${second}`)).json()).toMatchObject({ revision: 1, status: 'scheduled' });
  });

  it('reject is the default, and says that one may queue', async () => {
    const { send } = world();
    await send({});
    const problem = problemOf(await send({}));
    expect(problem.type).toBe('/problems/rollout-already-active');
    expect(problem.explanation?.next).toContain('"onConflict": "queue"');
    expect(slugOf(await send({ onConflict: 'reject' }))).toBe('rollout-already-active');
  });

  it('anything else is refused', async () => {
    const { send } = world();
    expect(problemOf(await send({ onConflict: 'supersede' })).errors).toMatchObject([
      { pointer: '/onConflict', detail: 'write one of "reject", "queue"' },
    ]);
  });

  it('queue with a key is answered the same twice, and queued once', async () => {
    const { send, get } = world();
    await send({});
    const headers = { 'idempotency-key': 'k1' };
    const one = await send({ onConflict: 'queue' }, '/v1/rollouts', headers);
    const two = await send({ onConflict: 'queue' }, '/v1/rollouts', headers);
    expect(two.body).toBe(one.body);
    expect(two.headers['idempotent-replayed']).toBe('true');
    expect((await get('')).json().data).toHaveLength(2);
  });
});

describe('a scheduled rollout', () => {
  it.each([
    'cancel',
    'rollback',
    'abort',
  ])('is ended by %s: exit code 4, and no traffic was moved', async (action) => {
    const { send, act, get } = world();
    await send({ startAt: tonight });
    const response = await act(first, action);
    expect(response.statusCode).toBe(202);
    expect(response.json()).toMatchObject({ revision: 2, status: 'cancelled', versions: null });
    expect(response.json().outcome).toMatchObject({ by: { name: 'alice' } });
    const waited = await get(`/${first}/status?waitFor=weight:0,terminal`);
    expect(waited.json()).toMatchObject({
      exitCode: 4,
      terminal: true,
      wait: { satisfied: true, by: 'terminal' },
    });
  });

  it.each(['pause', 'resume', 'advance', 'promote'])('refuses %s with what it takes', async (action) => {
    const { send, act } = world();
    await send({ startAt: tonight });
    const problem = problemOf(await act(first, action));
    expect(problem).toMatchObject({
      status: 409,
      current: { status: 'scheduled', revision: 1, stepIndex: null },
      allowedActions: ['cancel', 'rollback'],
    });
    expect(problem.detail).toContain('A rollout that is scheduled cannot be');
  });

  it('is the first thing that a live stream of it shows', () => {
    const frame = snapshotFrame({ rollout: aScheduled(), nextAt: now, now, trouble: noTrouble });
    expect(frame.split('\n')[0]).toBe('event: snapshot');
    expect(JSON.parse(frame.split('\n')[1]?.slice('data: '.length) ?? '')).toMatchObject({
      status: 'scheduled',
    });
  });
});
