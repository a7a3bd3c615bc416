import { describe, expect, it } from 'vitest';
import { lookForOrphans, type OrphanDeps, type OrphansSeen } from '../../src/rollout/look-for-orphans.ts';
import { explainOrphan, orphanPage } from '../../src/rollout/orphan-words.ts';
import { judgeMark } from '../../src/rollout/orphans.ts';
import type { MeshFailure } from '../../src/rollout/ports/mesh.ts';
import type { KnownRollout, MarkedSplit } from '../../src/rollout/ports/orphans.ts';
import { rolloutId } from '../fakes/rollouts.ts';

const host = 'payment-service.payment-prod.svc.cluster.local';
const place = { cluster: 'default', namespace: 'payment-prod', virtualService: 'payment-service' };
const arms = { stable: { host, subset: 'v1' }, canary: { host, subset: 'v2' } };
const noted = { route: 'primary', ...arms };
const owner = { rolloutId: rolloutId(1), epoch: 7 };

function aSplit(canary: number, overrides: Partial<MarkedSplit> = {}): MarkedSplit {
  const shares = { v1: 100 - canary, v2: canary };
  const destinations = Object.entries(shares).map(([subset, share]) => ({
    host,
    subset,
    weight: share,
    share,
  }));
  const routes = [{ name: 'primary', path: 'spec.http[0]', destinations }];
  return { ...place, uid: 'uid-1', owner, rolledBack: null, noted, routes, managed: [], ...overrides };
}

function aRow(overrides: Partial<KnownRollout> = {}): KnownRollout {
  const moves = { uid: 'uid-1', ...noted };
  return { ...place, id: rolloutId(1), status: 'running', hasEnded: false, moves, ...overrides };
}

/** Of two routes: in the first the canary has so much, in the second what is given. */
function twoRoutes(canary: number, second: number, overrides: Partial<MarkedSplit> = {}): MarkedSplit {
  const [first, other] = [aSplit(canary), aSplit(second)].map(({ routes }) => routes);
  const refund = (other ?? []).map((route) => ({ ...route, name: 'refund', path: 'spec.http[1]' }));
  return aSplit(canary, { noted: null, routes: [...(first ?? []), ...refund], ...overrides });
}

const ofTwo = (status: string) =>
  aRow({ status, hasEnded: true, moves: { uid: 'uid-1', ...noted, routes: ['primary', 'refund'] } });
const ended = (status: string) => aRow({ status, hasEnded: true });
const elsewhere = aRow({ virtualService: 'ledger', moves: { uid: 'uid-2', ...noted } });
const atRest = { noted: null };
const managed = [{ name: 'canaryd-header', path: 'spec.http[0]' }];
const unmarked = { owner: null, noted: null, managed };
const gateway = { namespace: 'edge', virtualService: 'gateway' };
const two = (over: Partial<KnownRollout> = {}) =>
  aRow({
    moves: { uid: 'uid-9', ...noted, also: [{ ...gateway, uid: 'uid-2', routes: ['primary', 'refund'] }] },
    ...over,
  });

describe('a split that bears the annotation of', () => {
  it.each<[string, MarkedSplit, KnownRollout | null, string | null]>([
    ['a live rollout is watched', aSplit(20), aRow(), null],
    ['an unknown rollout that was under way is an orphan', aSplit(20), null, 'unknown'],
    ['an unknown rollout that had not moved anything yet is one, too', aSplit(0), null, 'unknown'],
    ['an unknown rollout without a note is one while traffic is split', aSplit(20, atRest), null, 'unknown'],
    ['an unknown rollout at rest, as after its end, is none', aSplit(0, atRest), null, null],
    ['an unknown rollout with all on the winner, as after its end, is none', aSplit(100, atRest), null, null],
    ['an unknown rollout that break-glass took back is none', aSplit(0, { rolledBack: owner }), null, null],
    [
      'an unknown rollout that came back after break-glass is one',
      aSplit(5, { rolledBack: owner }),
      null,
      'unknown',
    ],
    [
      'an unknown rollout with a note that nobody can read is one',
      aSplit(0, { noted: 'unreadable' }),
      null,
      'unknown',
    ],
    ['a live rollout that moves it beside another is watched', aSplit(20, gateway), two(), null],
    [
      'a live rollout that moves it beside another is watched also when it was created anew',
      aSplit(20, { ...gateway, uid: 'uid-3' }),
      two(),
      null,
    ],
    [
      'a live rollout that moves others of the same name elsewhere is an orphan',
      aSplit(20, { ...gateway, namespace: 'other', uid: 'uid-3' }),
      two(),
      'elsewhere',
    ],
    [
      'one that was rolled back and moved it beside another is an orphan at 5 %',
      aSplit(5, { ...gateway, ...atRest }),
      two({ status: 'rolled_back', hasEnded: true }),
      'ended',
    ],
    ['one that was rolled back is one for its second route', twoRoutes(0, 40), ofTwo('rolled_back'), 'ended'],
    ['one that was rolled back is none at 0 % in both routes', twoRoutes(0, 0), ofTwo('rolled_back'), null],
    ['one that succeeded is one for its second route', twoRoutes(100, 40), ofTwo('succeeded'), 'ended'],
    ['one that succeeded is none at 100 % in both routes', twoRoutes(100, 100), ofTwo('succeeded'), null],
    [
      'one that was rolled back is one for the second route of another VirtualService',
      twoRoutes(0, 40, gateway),
      two({ status: 'rolled_back', hasEnded: true }),
      'ended',
    ],
    ['one that was rolled back is none at 0 %', aSplit(0, atRest), ended('rolled_back'), null],
    ['one that was rolled back is an orphan at 5 %', aSplit(5, atRest), ended('rolled_back'), 'ended'],
    ['one that was rolled back is an orphan at 100 %', aSplit(100, atRest), ended('rolled_back'), 'ended'],
    ['one that succeeded is none at 100 %', aSplit(100, atRest), ended('succeeded'), null],
    ['one that succeeded is none when it was taken back since', aSplit(0, atRest), ended('succeeded'), null],
    ['one that succeeded is an orphan at 50 %', aSplit(50, atRest), ended('succeeded'), 'ended'],
    [
      'one that ended and cannot be read is one while traffic is split',
      aSplit(50, atRest),
      { ...ended('rolled_back'), moves: null },
      'ended',
    ],
    ['a live rollout of another object is an orphan', aSplit(20), elsewhere, 'elsewhere'],
    ['a live rollout of another object is none at rest', aSplit(0, atRest), elsewhere, null],
    [
      'a live rollout is watched under another name of its cluster',
      aSplit(20, { cluster: 'eu' }),
      aRow(),
      null,
    ],
    ['a live rollout is watched with its managed routes', aSplit(0, { managed }), aRow(), null],
    [
      'one that ended is an orphan while a managed route stands',
      aSplit(0, { ...atRest, managed }),
      ended('succeeded'),
      'ended',
    ],
    [
      'an unknown rollout is one for a managed route alone',
      aSplit(0, { ...atRest, managed }),
      null,
      'unknown',
    ],
    ['nobody is one for a managed route alone', aSplit(0, unmarked), null, 'unmarked'],
    ['a live rollout is watched when its object was made anew', aSplit(20, { uid: 'uid-9' }), aRow(), null],
  ])('%s', (_name, split, known, reason) => {
    expect(judgeMark(split, known)?.reason ?? null).toBe(reason);
  });
});

const forbidden: MeshFailure = { kind: 'unavailable', reason: 'forbidden', why: 'no' };

function aWorld(splits: MarkedSplit[]) {
  const world = {
    splits,
    failure: null as MeshFailure | null,
    unread: {} as Record<string, MeshFailure>,
    told: [] as string[],
    rows: [] as KnownRollout[],
    held: [] as string[],
  };
  const deps: OrphanDeps = {
    marks: {
      marked: async () =>
        world.failure ?? { kind: 'splits', splits: world.splits, unread: world.unread, narrowed: null },
    },
    book: {
      known: async (ids) => world.rows.filter(({ id }) => ids.includes(id)),
      held: async (places) => places.filter(({ virtualService }) => world.held.includes(virtualService)),
      namespaces: async () => [],
      tell: async ({ virtualService }) => {
        if (world.told.includes(virtualService)) return false;
        world.told.push(virtualService);
        return true;
      },
    },
    clusters: ['default'],
    deadline: () => new AbortController().signal,
  };
  return { world, look: (before: OrphansSeen = new Map()) => lookForOrphans(deps, before) };
}

describe('a look for orphans', () => {
  it('tells of a split that it finds twice in a row, once, and of its end', async () => {
    const { world, look } = aWorld([aSplit(20)]);
    const first = await look();
    expect([first.standing, first.told]).toEqual([[], []]);
    const second = await look(first.seen);
    expect([second.standing.length, second.told.length]).toEqual([1, 1]);
    const third = await look(second.seen);
    expect([third.standing.length, third.told.length]).toEqual([1, 0]);
    world.splits = [aSplit(0, { rolledBack: owner })];
    const last = await look(third.seen);
    expect([last.standing.length, last.gone.length]).toEqual([0, 1]);
  });

  it('is silent about one that was only just being created or just ending', async () => {
    const { world, look } = aWorld([aSplit(20)]);
    const first = await look();
    world.rows = [aRow()];
    const second = await look(first.seen);
    expect([second.told, second.gone, [...second.seen]]).toEqual([[], [], []]);
  });

  it('counts anew when another rollout is named', async () => {
    const { world, look } = aWorld([aSplit(20)]);
    const first = await look();
    world.splits = [aSplit(20, { owner: { rolloutId: rolloutId(2), epoch: 1 } })];
    expect((await look(first.seen)).told).toEqual([]);
  });

  it('takes a route of canaryd without an annotation for nobody’s only while no live rollout holds the object', async () => {
    const { world, look } = aWorld([aSplit(0, unmarked)]);
    world.held = ['payment-service'];
    expect([...(await look()).seen]).toEqual([]);
    world.held = [];
    const second = await look((await look()).seen);
    expect(second.told.map(({ reason }) => reason)).toEqual(['unmarked']);
  });

  it('keeps what it knew while a cluster or a namespace cannot be read', async () => {
    const { world, look } = aWorld([aSplit(20)]);
    const second = await look((await look()).seen);
    world.failure = forbidden;
    const blind = await look(second.seen);
    expect([blind.standing.length, blind.gone, blind.unread]).toEqual([1, [], { default: forbidden }]);
    world.failure = null;
    world.splits = [];
    world.unread = { 'payment-prod': forbidden };
    const half = await look(blind.seen);
    expect([half.standing.length, half.unread]).toEqual([1, { 'default/payment-prod': forbidden }]);
  });
});

describe('the page about an orphan split', () => {
  it('says what it is, where traffic is, what canaryd does and what to type', () => {
    const orphan = judgeMark(aSplit(20), null);
    if (orphan === null) throw new Error('no orphan');
    expect(explainOrphan(orphan)).toEqual({
      what: `VirtualService payment-prod/payment-service in the cluster default bears the annotation of rollout ${rolloutId(1)} (epoch 7), which the database of this canaryd does not know: no check watches the canary, and nothing rolls it back.`,
      traffic: '20 % of traffic on v2 (canary), 80 % on v1 (stable).',
      next: 'canaryd does nothing: it never writes to a split that is not its own. It looks every 60 s, and says this once an hour until it is over.',
      type: "With credentials for the cluster default, take the canary's traffic back: canaryd break-glass rollback --virtual-service payment-prod/payment-service. More: docs/runbooks/orphan-split.md.",
    });
    expect(orphanPage(orphan)).toMatchObject({
      type: 'page',
      actor: { kind: 'canaryd' },
      facts: { reason: 'orphan_split', because: 'unknown', rollout: rolloutId(1), epoch: 7, share: 20 },
    });
  });

  it('sends a person to the object where break-glass has nothing to follow', () => {
    const orphan = judgeMark(aSplit(20, { noted: null }), ended('rolled_back'));
    if (orphan === null) throw new Error('no orphan');
    const { what, type } = explainOrphan(orphan);
    expect(what).toContain('has ended as rolled_back, and its canary has traffic all the same');
    expect(type).toContain('kubectl edit virtualservice payment-service -n payment-prod');
  });

  it('tells of the route whose canary has what it should not have', () => {
    const orphan = judgeMark(twoRoutes(100, 40), ofTwo('succeeded'));
    if (orphan === null) throw new Error('no orphan');
    expect(explainOrphan(orphan).traffic).toContain('40 % of traffic on v2 (canary)');
    expect(orphanPage(orphan)).toMatchObject({ facts: { share: 40 } });
  });

  it('names the routes of canaryd that stand, and what takes them away', () => {
    const orphan = judgeMark(aSplit(0, unmarked), null);
    if (orphan === null) throw new Error('no orphan');
    expect(explainOrphan(orphan)).toMatchObject({
      what: 'VirtualService payment-prod/payment-service in the cluster default bears no annotation of canaryd and no live rollout moves it, but canaryd-header (spec.http[0]) stands there: no check watches where that leads.',
      traffic:
        'No route of it sends traffic to more than one destination; whatever the weights, canaryd-header (spec.http[0]) may send requests to the canary.',
      type: 'With credentials for the cluster default, take canaryd-header (spec.http[0]) away with the patch that this prints: canaryd break-glass rollback --virtual-service payment-prod/payment-service. More: docs/runbooks/orphan-split.md.',
    });
    expect(orphanPage(orphan)).toMatchObject({
      facts: { because: 'unmarked', rollout: null, epoch: null, managedRoutes: ['canaryd-header'] },
    });
  });

  it('says both where weights and a route have to go, and break-glass alone where that does both', () => {
    const typed = (over: Partial<MarkedSplit>) => {
      const orphan = judgeMark(aSplit(20, { managed, ...over }), ended('rolled_back'));
      if (orphan === null) throw new Error('no orphan');
      return explainOrphan(orphan).type;
    };
    expect(typed(atRest)).toMatch(
      /kubectl edit virtualservice .*; then take canaryd-header .* prints: canaryd break-glass/,
    );
    expect(typed({})).toContain("take the canary's traffic back: canaryd break-glass rollback");
    expect(typed({})).not.toContain('kubectl');
  });

  it('repeats no more than 60 characters of a foreign annotation, on one line', () => {
    const foreign = { rolloutId: `x\n${'y'.repeat(5000)}`, epoch: 0 };
    const orphan = judgeMark(aSplit(20, { owner: foreign }), null);
    if (orphan === null) throw new Error('no orphan');
    const { message } = orphanPage(orphan);
    expect(message).not.toContain('\n');
    expect(message.length).toBeLessThan(800);
  });
});
