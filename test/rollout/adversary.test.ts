import { describe, expect, it } from 'vitest';
import { pendingIn } from '../../src/rollout/approval.ts';
import { explain } from '../../src/rollout/explain.ts';
import type { ShapeFault } from '../../src/rollout/ports/mesh.ts';
import type { HoldOrder } from '../../src/rollout/ports/store.ts';
import { statusReasonOf } from '../../src/rollout/status-reason.ts';
import { imagesOf, podsOf } from '../fakes/mesh.ts';
import { baking, bob, drive, mood, noneReady, ready, start } from './drive.ts';
import { type Driven, places, planOf } from './places.ts';

const bakes = { type: 'bake', duration: '60s' };
const steps = [
  { type: 'setWeight', weight: 5 },
  bakes,
  { type: 'setWeight', weight: 20 },
  bakes,
  { type: 'promote' },
];
const order: HoldOrder = {
  id: 'ho_01KB4ZJ5Q8X2V7N3M6R9T0W1YC',
  cluster: null,
  namespace: null,
  by: bob,
  reason: null,
  at: start,
};
const foreign: ShapeFault = {
  code: 'unsupported-shape',
  path: 'spec.http[0].route[2]',
  message: 'v9 has 10 %',
};

async function atTwenty(over: object = {}): Promise<Driven> {
  const driven = await baking({ plan: planOf(steps, over) });
  while (driven.world.share !== 20) await driven.run(10);
  return driven;
}

function told(driven: Driven) {
  return explain(driven.world.rollout, driven.world.nextAt, driven.world.now);
}

describe('a canary that changed', () => {
  it('loses its traffic also where somebody else gave some to a third destination', async () => {
    const driven = await atTwenty();
    driven.images.canary = imagesOf('v2b');
    await driven.turn({ view: { foreign } });
    expect([driven.status(), driven.world.share]).toEqual(['paused', 0]);
    expect(statusReasonOf(driven.world.rollout)).toBe('canary_changed');
  });

  it('stays what the rollout is paused for, whatever else is found until a person resumes', async () => {
    const driven = await atTwenty();
    driven.images.canary = imagesOf('v2b');
    await driven.turn();
    driven.images.canary = imagesOf('v2');
    driven.world.share = 30;
    await driven.run(10);
    expect(statusReasonOf(driven.world.rollout)).toBe('canary_changed');
    expect(driven.world.share).toBe(0);
    driven.say({ action: 'resume' });
    const { state } = driven.world.rollout;
    expect(state).toMatchObject({ kind: 'running', position: { step: 0 } });
  });

  it('keeps its traffic while stable has no ready pod, and loses it as soon as there is one', async () => {
    const driven = await atTwenty();
    driven.images.canary = imagesOf('v2b');
    driven.pods.stable = noneReady;
    await driven.run(20);
    expect([driven.status(), driven.world.share]).toEqual(['paused', 20]);
    driven.pods.stable = ready;
    await driven.run(10);
    expect([driven.status(), driven.world.share]).toEqual(['paused', 0]);
  });

  it('is looked after at once when the turn that took its traffic stopped', async () => {
    const driven = await atTwenty();
    driven.images.canary = imagesOf('v2b');
    await driven.turn({ write: { kind: 'ambiguous', why: 'timeout' } });
    expect(driven.world.nextAt - driven.world.now).toBeLessThanOrEqual(1000);
  });

  it('is not said to keep its weight', async () => {
    const driven = await atTwenty();
    driven.images.canary = imagesOf('v2b');
    await driven.turn({ write: { kind: 'unavailable', reason: 'forbidden', why: 'may not patch' } });
    expect(told(driven).next).toMatch(/^Takes all traffic from the canary and looks again/);
    await driven.run(10);
    expect(told(driven).next).toMatch(
      /^Keeps the canary at 0 % until somebody resumes at the first step, and looks/,
    );
  });
});

describe('a canary that is one thing', () => {
  it('has no pod of another image that is about to be ready: the start waits for it', async () => {
    const driven = drive();
    driven.images.canary = podsOf(['v2', true], ['v3', false]);
    await driven.run(60);
    expect([driven.status(), driven.world.writes]).toEqual(['preflight', []]);
    driven.images.canary = podsOf(['v3', true], ['v3', true]);
    await driven.run(20);
    expect([driven.status(), driven.world.share]).toEqual(['running', 5]);
  });

  it('is waited for after a resume, which nobody has to repeat', async () => {
    const driven = await atTwenty();
    driven.images.canary = podsOf(['v2b', true], ['v2', false]);
    await driven.run(30);
    driven.say({ action: 'resume' });
    await driven.run(30);
    expect([driven.status(), driven.world.share]).toEqual(['holding', 0]);
    driven.images.canary = imagesOf('v2b');
    await driven.run(20);
    expect([driven.status(), driven.world.share]).toEqual(['running', 5]);
  });
});

describe('a request for approval', () => {
  it('takes no word after its time, also when no turn has noticed yet', async () => {
    const driven = await places.awaiting_approval();
    const request = pendingIn(driven.world.rollout.approvals);
    driven.world.now = (request?.expiresAt ?? 0) + 1;
    const answer = driven.say({ action: 'approve', approval: request?.id ?? '' }, bob);
    expect(answer).toMatchObject({ kind: 'refused', refusal: { code: 'stale-view' } });
    await driven.turn({ view: { kind: 'unavailable', reason: 'timeout', why: 'no answer' } });
    expect(driven.status()).toBe('rolling_back');
    expect(driven.types()).toContain('approval.expired');
  });

  it.each<[string, (driven: Driven) => void]>([
    ['a guard', (driven) => driven.canary(mood.failing)],
    ['a person who rolls back', (driven) => void driven.say({ action: 'rollback' })],
    [
      'a canary that changed',
      ({ images }) => {
        images.canary = imagesOf('v2b');
      },
    ],
    [
      'somebody who moves the weight',
      ({ world }) => {
        world.share = 7;
      },
    ],
  ])('that %s makes void is told of in the audit log', async (_who, act) => {
    const driven = await places.awaiting_approval();
    const id = pendingIn(driven.world.rollout.approvals)?.id ?? '';
    act(driven);
    await driven.run(60);
    const row = driven.world.events.find(({ type }) => type === 'approval.void');
    expect(row?.facts).toMatchObject({ approval: id });
    expect(row?.message).toMatch(new RegExp(`^Approval ${id} is void: .+\\.$`));
  });

  it('is what a rollout says it does next when it stands there again', async () => {
    const driven = await places.awaiting_approval();
    driven.world.share = 7;
    await driven.run(10);
    driven.say({ action: 'resume', drift: 'adopt' });
    expect(told(driven).next).toMatch(/^Looks again now and asks for approval;/);
  });
});

describe('a hold order', () => {
  it('stops the clock of the deadline also while a guard holds', async () => {
    const driven = await places.running({ deadline: '40m' });
    driven.world.order = order;
    driven.pods.stable = { kind: 'known', ready: 1, total: 3 };
    await driven.run(6000);
    expect([driven.status(), driven.world.share]).toEqual(['holding', 5]);
    expect(told(driven).next).toContain('no deadline runs meanwhile');
  });
});
