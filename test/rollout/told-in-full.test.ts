import { describe, expect, it } from 'vitest';
import type { AuditEvent } from '../../src/rollout/audit.ts';
import { alice, baking, drive, mood } from './drive.ts';
import { type Driven, places } from './places.ts';

function explanationOf(driven: Driven, type: AuditEvent['type']): unknown {
  return driven.world.events.find((event) => event.type === type)?.facts['explanation'];
}

const fourThings = {
  what: expect.stringMatching(/^[A-Z0-9].*\.$/),
  traffic: expect.stringMatching(/^[A-Z0-9].*\.$/),
  next: expect.stringMatching(/^[A-Z0-9].*\.$/),
  actions: expect.any(Array),
};

describe('an audit row alone says what happened, where traffic is, what comes next and what may be done', () => {
  it.each<[AuditEvent['type'], () => Promise<Driven>]>([
    ['rollout.holding', () => places.holding()],
    ['rollout.paused', () => places.paused()],
    ['approval.requested', () => places.awaiting_approval()],
    ['rollout.rolling_back', () => having(baking(), async (driven) => driven.say({ action: 'rollback' }))],
    ['rollout.rolled_back', () => having(failing(), (driven) => driven.run(60))],
    ['rollout.stuck', () => having(failing(), (driven) => driven.run(200, { write: forbidden }))],
    ['page', () => having(failing(), (driven) => driven.run(200, { write: forbidden }))],
    [
      'rollout.rollback_failed',
      () => having(baking(), (driven) => driven.run(180, { view: { kind: 'missing' } })),
    ],
    [
      'rollout.preflight_failed',
      () => having(drive(), (driven) => driven.turn({ view: { kind: 'missing' } })),
    ],
    ['rollout.cancelled', () => having(drive(), async (driven) => driven.say({ action: 'cancel' }, alice))],
  ])('in %s', async (type, build) => {
    expect(explanationOf(await build(), type)).toEqual(fourThings);
  });

  it('with value, unit, limit and requests where a check failed', async () => {
    const driven = await having(failing(), (one) => one.run(60));
    expect(explanationOf(driven, 'rollout.rolled_back')).toMatchObject({
      what: expect.stringMatching(/5xx ratio of the canary was .* %, above the limit of (1|25) %.*requests/),
      traffic: 'All traffic on v1 (stable) when it ended.',
      next: 'Nothing: this rollout has ended.',
    });
  });

  it('and a quiet turn writes none', async () => {
    const driven = await places.running();
    const count = driven.world.events.length;
    await driven.turn();
    expect(driven.world.events).toHaveLength(count);
  });
});

const forbidden = { kind: 'unavailable', reason: 'forbidden', why: 'may not patch' } as const;

async function failing(): Promise<Driven> {
  const driven = await baking();
  driven.canary(mood.failing);
  return driven;
}

async function having(driven: Driven | Promise<Driven>, deed: (driven: Driven) => unknown): Promise<Driven> {
  const done = await driven;
  await deed(done);
  return done;
}
