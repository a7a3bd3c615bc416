import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Command } from '../../src/rollout/command.ts';
import { decide } from '../../src/rollout/decide.ts';
import type { MeshView, WriteOutcome } from '../../src/rollout/ports/mesh.ts';
import { hasEnded, Rollout } from '../../src/rollout/rollout.ts';
import type { StateKind } from '../../src/rollout/state.ts';
import { alice, drive, mood, noneReady, ready } from './drive.ts';
import { frozen } from './simulation/logbook.ts';

type Deed =
  | {
      kind: 'turn';
      canary: keyof typeof moods;
      stable: keyof typeof moods;
      view: keyof typeof views;
      write: keyof typeof writes;
      pods: number;
    }
  | { kind: 'time'; seconds: number }
  | { kind: 'hand'; share: number }
  | { kind: 'word'; command: Command };

const moods = {
  ...mood,
  absurd: { kind: 'serving', requests: 1000, errorRatio: Number.NaN, p99Ms: Number.NaN } as const,
};
const views = {
  true: {},
  unreadable: { kind: 'unavailable', reason: 'timeout', why: 'no answer' },
  missing: { kind: 'missing' },
  renamed: {
    kind: 'shape',
    fault: { code: 'route-not-found', path: 'spec.http', message: 'the route is gone' },
  },
  recreated: { uid: 'another' },
  stableGone: { hasStable: false },
} satisfies Record<string, MeshView | object>;
const writes = {
  applied: 'applied',
  landedUnseen: 'lost',
  conflict: { kind: 'conflict' },
  forbidden: { kind: 'unavailable', reason: 'forbidden', why: 'may not patch' },
  unanswered: { kind: 'ambiguous', why: 'timeout' },
} satisfies Record<string, WriteOutcome | 'applied' | 'lost'>;

const reason = fc.constantFrom('because', undefined);
const commands: fc.Arbitrary<Command> = fc.oneof(
  fc.record({ action: fc.constantFrom('pause' as const, 'rollback' as const, 'cancel' as const) }),
  fc.record({
    action: fc.constant('resume' as const),
    drift: fc.constantFrom('adopt' as const, 'reassert' as const, undefined),
  }),
  fc.record({
    action: fc.constantFrom('advance' as const, 'promote' as const),
    override: fc.constantFrom<('checks'[] | undefined)[]>(['checks'], undefined),
    reason,
  }),
);
const anyTurn = {
  kind: fc.constant('turn' as const),
  canary: fc.constantFrom(...keysOf(moods)),
  stable: fc.constantFrom(...keysOf(moods)),
  view: fc.oneof(
    { weight: 6, arbitrary: fc.constant('true' as const) },
    { weight: 1, arbitrary: fc.constantFrom(...keysOf(views)) },
  ),
  write: fc.oneof(
    { weight: 4, arbitrary: fc.constant('applied' as const) },
    { weight: 1, arbitrary: fc.constantFrom(...keysOf(writes)) },
  ),
  pods: fc.integer({ min: 0, max: 8 }),
};
const deeds: fc.Arbitrary<Deed> = fc.oneof(
  { weight: 6, arbitrary: fc.record(anyTurn) },
  {
    weight: 5,
    arbitrary: fc.record({
      ...anyTurn,
      canary: fc.constant('healthy' as const),
      stable: fc.constant('healthy' as const),
      pods: fc.constant(3),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant('time' as const), seconds: fc.integer({ min: 1, max: 120 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('hand' as const), share: fc.integer({ min: 0, max: 100 }) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('word' as const), command: commands }) },
);
const histories = fc.array(deeds, { minLength: 5, maxLength: 80 });

function keysOf<Key extends string>(record: Record<Key, unknown>): Key[] {
  return Object.keys(record).filter((key): key is Key => key in record);
}

type Driven = ReturnType<typeof drive>;

async function perform(driven: Driven, deed: Deed): Promise<void> {
  if (deed.kind === 'time') driven.world.now += deed.seconds * 1000;
  if (deed.kind === 'hand') driven.world.share = deed.share;
  if (deed.kind === 'word') driven.say(deed.command, alice);
  if (deed.kind !== 'turn') return;
  driven.canary(moods[deed.canary]);
  driven.stable(moods[deed.stable]);
  driven.pods.canary = deed.pods === 0 ? noneReady : ready;
  driven.pods.stable = deed.pods === 8 ? noneReady : ready;
  await driven.turn({ view: views[deed.view], write: writes[deed.write] });
}

/** Plays a history and checks after every deed; `check` sees the world before and after it. */
async function always(
  history: Deed[],
  check: (driven: Driven, before: Rollout, shareBefore: number) => void,
): Promise<void> {
  const driven = drive();
  for (const deed of history) {
    const { rollout, share } = driven.world;
    await perform(driven, deed);
    if (deed.kind !== 'hand') check(driven, rollout, share);
  }
}

const claimedShare: Partial<Record<StateKind, number>> = { succeeded: 100, rolledBack: 0 };

const runs = { numRuns: 1500 };

describe('over any history of turns, faults, hands and words', () => {
  it('never brings traffic back to a canary once its rollback has started', async () => {
    await fc.assert(
      fc.asyncProperty(histories, (history) =>
        always(history, ({ world }, before, shareBefore) => {
          const wasGoingBack = before.state.kind === 'rollingBack' || before.state.kind === 'rolledBack';
          if (!wasGoingBack) return;
          expect(['rollingBack', 'rolledBack', 'rollbackFailed']).toContain(world.rollout.state.kind);
          expect(world.rollout.traffic.desired).toBe(0);
          expect(world.share).toBeLessThanOrEqual(shareBefore);
        }),
      ),
      runs,
    );
  });

  it('never asks for a share outside 0 to 100', async () => {
    await fc.assert(
      fc.asyncProperty(histories, (history) =>
        always(history, ({ world }) => {
          for (const share of [
            world.rollout.traffic.desired,
            world.rollout.traffic.applied,
            ...world.writes.map((write) => write.share),
          ]) {
            expect(share).toBeGreaterThanOrEqual(0);
            expect(share).toBeLessThanOrEqual(100);
          }
        }),
      ),
      runs,
    );
  });

  it('ends once, says so once, and never reopens', async () => {
    const ends = [
      'rollout.succeeded',
      'rollout.rolled_back',
      'rollout.rollback_failed',
      'rollout.preflight_failed',
      'rollout.cancelled',
    ];
    await fc.assert(
      fc.asyncProperty(histories, (history) =>
        always(history, ({ world, types }, before) => {
          if (hasEnded(before)) expect(world.rollout).toEqual(before);
          expect(types().filter((type) => ends.includes(type)).length).toBe(hasEnded(world.rollout) ? 1 : 0);
        }),
      ),
      runs,
    );
  });

  it('records an end only for a weight that was read back', async () => {
    await fc.assert(
      fc.asyncProperty(histories, (history) =>
        always(history, ({ world: { rollout, share } }, before) => {
          if (hasEnded(before)) return;
          const claimed = claimedShare[rollout.state.kind];
          if (claimed === undefined) return;
          expect([share, rollout.traffic.applied, rollout.traffic.intent]).toEqual([claimed, claimed, null]);
        }),
      ),
      runs,
    );
  });

  it('gives the same answer to the same question', async () => {
    await fc.assert(
      fc.asyncProperty(histories, async (history) => {
        const driven = drive();
        for (const deed of history) await perform(driven, deed);
        const { now } = driven.world;
        const rollout = frozen(driven.world.rollout);
        for (const view of [{ kind: 'missing' as const }, frozen(driven.look())]) {
          const sight = { view, measurements: null, epoch: 1, order: null };
          expect(decide(rollout, sight, now)).toEqual(decide(structuredClone(rollout), sight, now));
        }
      }),
      runs,
    );
  });

  it('keeps a state that survives being stored and read again', async () => {
    await fc.assert(
      fc.asyncProperty(histories, (history) =>
        always(history, ({ world }) => {
          expect(Rollout.parse(JSON.parse(JSON.stringify(world.rollout)))).toEqual(world.rollout);
        }),
      ),
      { numRuns: 300 },
    );
  });

  it('raises the revision exactly when state, step or desired weight change', async () => {
    const view = ({ state, traffic }: Rollout) => [
      state.kind,
      'position' in state ? state.position.step : null,
      traffic.desired,
    ];
    await fc.assert(
      fc.asyncProperty(histories, (history) =>
        always(history, ({ world }, before) => {
          const isSame = JSON.stringify(view(before)) === JSON.stringify(view(world.rollout));
          if (world.rollout.revision === before.revision) expect(isSame).toBe(true);
          expect(world.rollout.revision).toBeGreaterThanOrEqual(before.revision);
        }),
      ),
      runs,
    );
  });
});

describe('over any history without good data', () => {
  const blind = fc.constantFrom(
    'none' as const,
    'tooFew' as const,
    'unavailable' as const,
    'idle' as const,
    'absurd' as const,
  );
  const blindDeeds = fc.array(
    fc.oneof(
      fc.record({ ...anyTurn, canary: blind, view: fc.constant('true' as const), pods: fc.constant(3) }),
      fc.record({ kind: fc.constant('time' as const), seconds: fc.integer({ min: 1, max: 300 }) }),
    ),
    { minLength: 5, maxLength: 60 },
  );

  it('never raises a weight beyond the first one', async () => {
    await fc.assert(
      fc.asyncProperty(blindDeeds, (history) =>
        always(history, ({ world }) => expect(world.share).toBeLessThanOrEqual(5)),
      ),
      runs,
    );
  });
});

describe('over any history of good data that turns bad, with no override', () => {
  const seldomBad = {
    ...anyTurn,
    canary: fc.oneof(
      { weight: 5, arbitrary: fc.constant('healthy' as const) },
      { weight: 1, arbitrary: fc.constantFrom('tooFew' as const, 'none' as const, 'absurd' as const) },
    ),
    stable: fc.constant('healthy' as const),
    view: fc.constant('true' as const),
    pods: fc.constant(3),
  };
  const words: fc.Arbitrary<Command> = fc.oneof(
    fc.record({ action: fc.constantFrom('pause' as const, 'advance' as const, 'promote' as const) }),
    fc.record({
      action: fc.constant('resume' as const),
      drift: fc.constantFrom('adopt' as const, 'reassert' as const),
    }),
  );
  const seldomBadDeeds = fc.array(
    fc.oneof(
      { weight: 8, arbitrary: fc.record(seldomBad) },
      {
        weight: 8,
        arbitrary: fc.record({
          kind: fc.constant('time' as const),
          seconds: fc.integer({ min: 1, max: 60 }),
        }),
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('word' as const), command: words }) },
    ),
    { minLength: 20, maxLength: 80 },
  );

  it('never raises a weight on stale proof', async () => {
    const raises = { seen: 0 };
    await fc.assert(
      fc.asyncProperty(seldomBadDeeds, async (history) => {
        const written = { count: 0 };
        await always(history, ({ world }, _before, shareBefore) => {
          const write = world.writes.slice(written.count).at(-1);
          written.count = world.writes.length;
          if (write === undefined || shareBefore === 0 || write.share <= shareBefore) return;
          raises.seen += 1;
          const { lastPollAt, results } = world.rollout.watch;
          expect(Object.values(results).map(({ verdict }) => verdict)).toEqual(['pass', 'pass']);
          expect(world.now - (lastPollAt ?? 0)).toBeLessThanOrEqual(20_000);
        });
      }),
      runs,
    );
    expect(raises.seen).toBeGreaterThan(100);
  });
});

describe('while a rollout is paused', () => {
  it('never stops a guard', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('healthy' as const, 'tooFew' as const), { maxLength: 10 }),
        async (before) => {
          const driven = drive();
          await driven.run(1);
          driven.say({ action: 'pause' });
          for (const canary of before) {
            driven.canary(mood[canary]);
            await driven.run(10);
          }
          driven.canary(mood.failing);
          await driven.run(30);
          expect(driven.status()).toBe('rolled_back');
        },
      ),
      { numRuns: 100 },
    );
  });
});
