import { describe, expect, it } from 'vitest';
import { advance, type TurnDeps } from '../../src/rollout/advance.ts';
import type { CreateRequest } from '../../src/rollout/draft.ts';
import { holdService } from '../../src/rollout/hold-orders.ts';
import type { Change, Remembered, Store } from '../../src/rollout/ports/store.ts';
import { statusOf } from '../../src/rollout/rollout.ts';
import { type CreateAnswer, rolloutService } from '../../src/rollout/service.ts';
import { memoryHolds } from '../fakes/holds.ts';
import { fakeMesh } from '../fakes/mesh.ts';
import { fakeMetrics, mood } from '../fakes/metrics.ts';
import { begun, rolloutId, start } from '../fakes/rollouts.ts';
import { memoryStore } from '../fakes/store.ts';
import { darkSurroundings } from '../fakes/surroundings.ts';
import { alice, bob } from './drive.ts';
import { planOf } from './places.ts';

const where = { namespace: 'bank', virtualService: 'payments' };
const plan = planOf([
  { type: 'setWeight', weight: 5 },
  { type: 'bake', duration: '60s' },
  { type: 'promote' },
]);
const v2 = { ...where, canary: { subset: 'v2' } };
const v3 = { ...where, canary: { subset: 'v3' } };
const noHolds = { standing: async () => [] };
const [first, second, third] = [rolloutId(1), rolloutId(2), rolloutId(3)];

/** A service, a worker and a VirtualService with three versions; the clock moves only when told. */
function world() {
  const clock = { now: start };
  const store = memoryStore({ now: () => clock.now });
  const mesh = fakeMesh();
  mesh.add(where, { v1: 100, v2: 0, v3: 0 });
  const metrics = fakeMetrics();
  const deadline = () => new AbortController().signal;
  let ids = 0;
  const newId = () => {
    ids += 1;
    return rolloutId(ids);
  };
  const service = rolloutService({
    surroundings: darkSurroundings(),
    clusters: ['default'],
    mesh,
    metrics,
    rollouts: store,
    holds: noHolds,
    newId,
    deadline,
  });
  const deps: TurnDeps = {
    worker: 'w1',
    store,
    mesh,
    metrics,
    surroundings: darkSurroundings(),
    alarm: { ring: async () => undefined },
    deadline,
    rest: async () => undefined,
  };

  async function turn(id: string, over: Partial<TurnDeps> = {}) {
    const { canary = 'v2' } = versionsIn((await store.find(id))?.rollout);
    metrics.divideBy(() => mesh.shareOf(where, canary));
    metrics.set('canary', mesh.shareOf(where, canary) > 0 ? mood.healthy : mood.none);
    return advance({ ...deps, ...over }, id);
  }

  /** Takes every turn that is due, second by second. */
  async function run(seconds: number): Promise<void> {
    for (const until = clock.now + seconds * 1000; clock.now < until; clock.now += 1000)
      for (const id of await store.due(10)) await turn(id);
  }

  const create = (request: Partial<CreateRequest> = {}) =>
    service.create({ target: v2, plan, reason: null, ...request }, alice, null);
  const stored = async (id: string) => {
    const found = await store.find(id);
    if (found === null) throw new Error(`${id} is unknown`);
    return found.rollout;
  };
  const status = async (id: string) => statusOf(await stored(id));
  const messages = async (id: string) => (await store.events(id, 0, 100)).map((row) => row.message);
  return { clock, store, mesh, service, deps, turn, run, create, stored, status, messages };
}

function versionsIn(rollout: unknown): { canary?: string } {
  const target =
    rollout !== null && typeof rollout === 'object' && 'target' in rollout ? rollout.target : null;
  const canary = target !== null && typeof target === 'object' && 'canary' in target ? target.canary : null;
  if (canary === null || typeof canary !== 'object') return {};
  if ('version' in canary) return { canary: String(canary.version) };
  return 'subset' in canary ? { canary: String(canary.subset) } : {};
}

function kinds(answer: CreateAnswer) {
  return answer.kind === 'created' ? statusOf(answer.rollout) : answer.kind;
}

describe('a queue of releases', () => {
  it('takes v2 to all traffic and then v3, whose stable is v2: the split as it stands when its turn comes', async () => {
    const { create, run, status, stored, messages, mesh } = world();
    await create({ target: v2 });
    await run(5);
    expect(kinds(await create({ target: v3, onConflict: 'queue' }))).toBe('scheduled');
    expect(await messages(second)).toEqual([
      `Rollout on bank/payments asked for by alice, queued behind ${first}.`,
    ]);
    await run(200);
    expect(await status(first)).toBe('succeeded');
    expect(begun(await stored(second)).target).toMatchObject({
      stable: { version: 'v2' },
      canary: { version: 'v3' },
    });
    await run(200);
    expect(await status(second)).toBe('succeeded');
    expect(mesh.shareOf(where, 'v3')).toBe(100);
    expect(await messages(second)).toContain('Its turn has come: preflight of v2 to v3.');
  });

  it('starts from v1 when the release in front was rolled back', async () => {
    const { create, run, service, stored } = world();
    await create({ target: v2 });
    await run(5);
    await create({ target: v3, onConflict: 'queue' });
    await service.act(first, { action: 'rollback' }, bob, null);
    await run(20);
    expect(begun(await stored(second)).target.stable.version).toBe('v1');
  });

  it('lets one go at a time, the first that came first', async () => {
    const { create, run, status, service } = world();
    await create({ target: v2 });
    await create({ target: v3, onConflict: 'queue' });
    await create({ target: v3, onConflict: 'queue' });
    await run(20);
    expect([await status(second), await status(third)]).toEqual(['scheduled', 'scheduled']);
    await service.act(first, { action: 'rollback' }, bob, null);
    await run(20);
    expect([await status(first), await status(second), await status(third)]).toEqual([
      'rolled_back',
      'running',
      'scheduled',
    ]);
  });

  it('knows every VirtualService that a release moves: whoever names one of them waits, or is refused', async () => {
    const { create, run, status, service, messages, mesh } = world();
    const [edge, ledger] = ['edge', 'ledger'].map((virtualService) => ({
      namespace: 'doors',
      virtualService,
    }));
    if (edge === undefined || ledger === undefined) throw new Error('two are needed');
    for (const one of [edge, ledger]) mesh.add(one);
    await create({ target: { ...v2, also: [edge] } });
    expect(await create({ target: edge })).toEqual({ kind: 'taken', by: first });
    expect(await create({ target: { ...ledger, also: [edge] } })).toEqual({ kind: 'taken', by: first });
    const queued = await create({ target: { ...ledger, also: [edge] }, onConflict: 'queue' });
    expect(kinds(queued)).toBe('scheduled');
    const waiting = queued.kind === 'created' ? queued.rollout.id : '';
    expect(await messages(waiting)).toEqual([
      `Rollout on doors/ledger and doors/edge asked for by alice, queued behind ${first}.`,
    ]);
    expect(kinds(await create({ target: ledger }))).toBe('preflight');
    await run(20);
    expect(await status(waiting)).toBe('scheduled');
    await service.act(first, { action: 'rollback' }, bob, null);
    await run(20);
    expect(await status(waiting)).toBe('scheduled');
    expect(await messages(waiting)).toContainEqual(expect.stringMatching(/^Not started yet/));
  });

  it('begins at once where nobody is in front', async () => {
    const { create } = world();
    expect(kinds(await create({ onConflict: 'queue' }))).toBe('preflight');
  });

  it('takes in one that lost the race for the VirtualService at its creation', async () => {
    const { create, service, store } = world();
    await create();
    // The draft saw nobody: the other one was written down after it.
    const blind = { ...store, namesakes: async () => [] };
    const late = rolloutService({
      surroundings: darkSurroundings(),
      clusters: ['default'],
      mesh: fakeMeshAtRest(),
      metrics: fakeMetrics(),
      rollouts: blind,
      holds: noHolds,
      newId: () => second,
      deadline: () => new AbortController().signal,
    });
    const request = { target: v3, plan, reason: null, onConflict: 'queue' as const };
    expect(kinds(await late.create(request, alice, null))).toBe('scheduled');
    expect(await service.events(second, 0, 10)).toMatchObject([
      { message: expect.stringContaining(`queued behind ${first}`) },
    ]);
  });

  it('is left by a word, without a trace in the mesh', async () => {
    const { create, run, service, status, mesh } = world();
    await create();
    await create({ target: v3, onConflict: 'queue' });
    expect(await service.act(second, { action: 'pause' }, bob, null)).toMatchObject({ kind: 'refused' });
    expect(await service.act(second, { action: 'cancel' }, bob, null)).toMatchObject({ kind: 'accepted' });
    await run(300);
    expect([await status(first), await status(second)]).toEqual(['succeeded', 'cancelled']);
    expect(mesh.shareOf(where, 'v3')).toBe(0);
  });

  it('answers a repeated key with the first answer, and queues nothing twice', async () => {
    const { service, create } = world();
    await create();
    const key = { principal: 'alice', method: 'POST', path: '/v1/rollouts', key: 'k1' };
    const remember = ({ id }: { id: string }): Remembered => ({
      ...key,
      fingerprint: 'f',
      status: 202,
      body: id,
    });
    const request = { target: v3, plan, reason: null, onConflict: 'queue' as const };
    expect((await service.create(request, alice, remember)).kind).toBe('created');
    expect(await service.recall(key)).toMatchObject({ body: second });
    expect(await service.create(request, alice, remember)).toEqual({ kind: 'answeredBefore' });
    expect((await service.list({ limit: 10 })).rollouts).toHaveLength(2);
  });
});

describe('an emergency', () => {
  it('takes a whole namespace back: what runs goes back, what waits never begins', async () => {
    const { create, run, status, store } = world();
    await create();
    await run(5);
    await create({ target: v3, onConflict: 'queue' });
    await create({ target: v3, startAt: start + 3_600_000 });
    const holds = holdService({
      holds: memoryHolds(() => start),
      rollouts: store,
      clusters: ['default'],
      newId: () => 'ho_1',
    });
    const answer = await holds.rollBack({ cluster: null, namespace: 'bank' }, 'outage', bob);
    const outcomes = answer.kind === 'rolledBack' ? answer.rollouts : [];
    expect(outcomes.map(({ id, outcome }) => [id, outcome])).toEqual([
      [third, 'cancelled'],
      [second, 'cancelled'],
      [first, 'rollingBack'],
    ]);
    await run(7200);
    expect([await status(first), await status(second), await status(third)]).toEqual([
      'rolled_back',
      'cancelled',
      'cancelled',
    ]);
  });

  it('that stops every move forward stops what is queued, too, until it is over', async () => {
    const { create, clock, deps, turn, status, messages } = world();
    await create({ startAt: start });
    const by = { kind: 'person' as const, name: 'bob' };
    const order = { id: 'ho_1', cluster: null, namespace: null, by, reason: null, at: start };
    const held: Store = {
      ...deps.store,
      claim: async (...asked) => {
        const claim = await deps.store.claim(...asked);
        return claim === null ? null : { ...claim, order };
      },
    };
    await turn(first, { store: held });
    expect(await status(first)).toBe('scheduled');
    expect((await messages(first)).at(-1)).toContain('bob stopped every move forward in all clusters');
    clock.now += 5000;
    await turn(first);
    expect(await status(first)).toBe('preflight');
  });
});

describe('a rollout with a time', () => {
  const at = start + 3_600_000;

  it('waits for it, and begins then', async () => {
    const { create, run, status, clock, messages } = world();
    expect(kinds(await create({ startAt: at }))).toBe('scheduled');
    expect(await messages(first)).toEqual([
      'Rollout on bank/payments asked for by alice, scheduled for 2026-01-05T11:00:00.000Z.',
    ]);
    await run(3599);
    expect(await status(first)).toBe('scheduled');
    clock.now = at;
    await run(3);
    expect(await status(first)).toBe('running');
  });

  it('may be asked for while another one is under way', async () => {
    const { create, run } = world();
    await create();
    await run(5);
    expect(kinds(await create({ target: v3, startAt: at }))).toBe('scheduled');
  });

  it('that finds another one then is refused, as it was not to queue', async () => {
    const { create, run, status, clock, messages } = world();
    await create({ startAt: at });
    clock.now = at - 30_000;
    await create({ target: v3 });
    await run(60);
    expect([await status(first), await status(second)]).toEqual(['preflight_failed', 'running']);
    expect((await messages(first)).at(-1)).toContain(`rollout ${second} holds bank/payments`);
  });

  it.each([
    ['in the past by more than a minute', -60_001, 'startAtOutside'],
    ['in the past by a minute', -60_000, 'scheduled'],
    ['30 days ahead', 30 * 86_400_000, 'scheduled'],
    ['more than 30 days ahead', 30 * 86_400_000 + 1, 'startAtOutside'],
  ])('%s is %s', async (_what, offset, expected) => {
    const { create } = world();
    expect(kinds(await create({ startAt: start + offset }))).toBe(expected);
  });

  it('is refused now for a name that is wrong, and not in the night', async () => {
    const { create } = world();
    const nowhere = { ...where, virtualService: 'nowhere' };
    const unknown = { ...where, canary: { subset: 'v9' } };
    expect(kinds(await create({ startAt: at, target: nowhere }))).toBe('targetMissing');
    expect(kinds(await create({ startAt: at, target: unknown }))).toBe('targetShape');
    expect(kinds(await create({ startAt: at, target: where }))).toBe('targetShape');
  });

  it('and weights in mid-air now are no reason to refuse it', async () => {
    const { create, mesh } = world();
    mesh.moveByAnotherHand(where, 30);
    expect(kinds(await create({ startAt: at }))).toBe('scheduled');
    expect(kinds(await create({ onConflict: 'queue' }))).toBe('targetShape');
  });
});

describe('a preview', () => {
  it('of a rollout with a time reads the target as it stands now, and writes nothing', async () => {
    const { service, store } = world();
    const at = start + 60_000;
    expect(await service.preview({ target: v2, plan, reason: null, startAt: at }, alice)).toMatchObject({
      kind: 'preview',
      rollout: { kind: 'scheduled', startAt: at },
      steps: [{ changes: [{}, {}] }, {}, {}],
    });
    expect(await store.list({ limit: 10 })).toEqual([]);
  });

  it('says behind whom it would queue, and shows no writes while weights are in mid-air', async () => {
    const { service, create, run, store } = world();
    await create();
    await run(5);
    const request = { target: v3, plan, reason: null, onConflict: 'queue' as const };
    expect(await service.preview(request, alice)).toMatchObject({
      kind: 'preview',
      rollout: { state: { obstacle: { kind: 'behind', rollout: first } } },
      steps: [{ changes: [] }, { changes: [] }, { changes: [] }],
    });
    expect(await store.list({ limit: 10 })).toHaveLength(1);
    expect(await service.preview({ ...request, onConflict: 'reject' }, alice)).toEqual({
      kind: 'taken',
      by: first,
    });
  });
});

describe('a turn of a scheduled rollout', () => {
  /** A queue of one whose turn has come; nobody is in front. */
  async function due() {
    const made = world();
    await made.create({ startAt: start });
    return made;
  }

  it('that stops before its write leaves everything to its successor', async () => {
    const { turn, deps, clock, status, stored, messages } = await due();
    const lost: Store = { ...deps.store, save: () => Promise.reject(new Error('killed')) };
    await expect(turn(first, { store: lost })).rejects.toThrow('killed');
    expect(await status(first)).toBe('scheduled');
    clock.now += 15_001;
    expect(await turn(first)).toBe('done');
    expect(begun(await stored(first)).revision).toBe(2);
    expect((await messages(first)).filter((message) => message.startsWith('Its turn'))).toHaveLength(1);
  });

  it('that stops after its write and before its alarm is found by the sweep', async () => {
    const { turn, store, status } = await due();
    const mute = { ring: () => Promise.reject(new Error('killed')) };
    await expect(turn(first, { alarm: mute })).rejects.toThrow('killed');
    expect(await status(first)).toBe('preflight');
    expect(await store.due(10)).toEqual([first]);
  });

  it('that lost its lease while it looked starts nothing', async () => {
    const { turn, deps, clock, store, status } = await due();
    const slow: TurnDeps['mesh'] = {
      ...deps.mesh,
      resolve: async (request, signal) => {
        clock.now += 16_000;
        await store.claim(first, 'w2', 15);
        return deps.mesh.resolve(request, signal);
      },
    };
    expect(await turn(first, { mesh: slow })).toBe('fenced');
    expect(await status(first)).toBe('scheduled');
  });

  it('whose rollout a person cancelled while it looked starts nothing', async () => {
    const { turn, deps, service, status } = await due();
    const slow: TurnDeps['mesh'] = {
      ...deps.mesh,
      resolve: async (request, signal) => {
        await service.act(first, { action: 'cancel' }, bob, null);
        return deps.mesh.resolve(request, signal);
      },
    };
    expect(await turn(first, { mesh: slow })).toBe('fenced');
    expect(await status(first)).toBe('cancelled');
  });

  it.each([
    ['reject', 'preflight_failed'],
    ['queue', 'scheduled'],
  ] as const)('that finds the VirtualService taken at its write obeys onConflict: %s', async (onConflict, end) => {
    const { create, turn, deps, store, status, messages } = world();
    await create({ startAt: start, onConflict });
    const saves: Change[] = [];
    const raced: Store = {
      ...deps.store,
      save: async (id, epoch, change) => {
        saves.push(change);
        if (saves.length === 1) await create({ target: v3 });
        return store.save(id, epoch, change);
      },
    };
    expect(await turn(first, { store: raced })).toBe('done');
    expect([await status(first), await status(second)]).toEqual([end, 'preflight']);
    expect((await messages(first)).at(-1)).toContain(second);
  });

  it('touches the mesh only to read it', async () => {
    const { turn, mesh } = await due();
    await turn(first);
    expect(mesh.writes(where)).toEqual([]);
  });
});

function fakeMeshAtRest() {
  const mesh = fakeMesh();
  mesh.add(where, { v1: 100, v2: 0, v3: 0 });
  return mesh;
}
