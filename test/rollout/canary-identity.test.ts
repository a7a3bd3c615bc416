import { describe, expect, it } from 'vitest';
import { explain } from '../../src/rollout/explain.ts';
import type { Images } from '../../src/rollout/ports/mesh.ts';
import { statusReasonOf } from '../../src/rollout/status-reason.ts';
import { imagesOf } from '../fakes/mesh.ts';
import { baking, bob, drive } from './drive.ts';
import { type Driven, planOf } from './places.ts';

function pods(...builds: { build: string; hash?: string; ready?: boolean }[]): Images {
  return {
    kind: 'known',
    pods: builds.map(({ build, hash = build, ready = true }) => ({
      templateHash: hash,
      ready,
      digests: { app: `sha256:${build}` },
    })),
  };
}

const forbidden: Images = { kind: 'unknown', why: 'may not list pods' };
const steps = [
  { type: 'setWeight', weight: 5 },
  { type: 'bake', duration: '60s' },
  { type: 'setWeight', weight: 20 },
  { type: 'bake', duration: '60s' },
  { type: 'promote' },
];

/** At 20 %, in its second bake. */
async function atTwenty(): Promise<Driven> {
  const driven = await baking({ plan: planOf(steps) });
  while (driven.world.share !== 20) await driven.run(10);
  return driven;
}

describe('a rollout', () => {
  it('begins only when the canary has a ready pod, and says what it waits for', async () => {
    const driven = drive();
    driven.images.canary = pods({ build: 'v2', ready: false });
    await driven.run(300);
    expect([driven.status(), driven.world.share]).toEqual(['preflight', 0]);
    const { what } = explain(driven.world.rollout, null, driven.world.now);
    expect(what).toContain('v2 (canary) is not ready to be measured: none of its pods is ready');
    driven.images.canary = imagesOf('v2');
    await driven.run(15);
    expect([driven.status(), driven.world.share]).toEqual(['running', 5]);
  });

  it('begins only when the canary is one thing, and gives up after ten minutes', async () => {
    const driven = drive();
    driven.images.canary = pods({ build: 'v2' }, { build: 'v3' });
    await driven.run(620);
    expect([driven.status(), driven.world.writes]).toEqual(['preflight_failed', []]);
    expect(driven.lastMessage()).toContain('its pods run several images of container app');
  });

  it('begins where pods may not be listed: what the canary runs is not watched then', async () => {
    const driven = drive();
    driven.images.canary = forbidden;
    await driven.turn();
    expect([driven.status(), driven.world.rollout.identity]).toEqual(['running', null]);
  });
});

describe('a canary whose image changes in mid-run', () => {
  it('loses all traffic at once and waits for a person', async () => {
    const driven = await atTwenty();
    driven.images.canary = pods({ build: 'v2' }, { build: 'v2b', ready: false });
    await driven.turn();
    expect([driven.status(), driven.world.share]).toEqual(['paused', 0]);
    expect(statusReasonOf(driven.world.rollout)).toBe('canary_changed');
    const { what, traffic } = explain(driven.world.rollout, driven.world.nextAt, driven.world.now);
    expect(what).toContain('container app ran sha256:v2 and runs sha256:v2b');
    expect(traffic).toBe('All traffic on v1 (stable).');
    expect(driven.types()).toContain('canary.changed');
  });

  it('has its traffic taken until that was read back, whatever the API server says', async () => {
    const driven = await atTwenty();
    driven.images.canary = imagesOf('v2b');
    await driven.run(30, { write: { kind: 'unavailable', reason: 'forbidden', why: 'may not patch' } });
    expect([driven.status(), driven.world.share]).toEqual(['paused', 20]);
    expect(driven.say({ action: 'resume' }).kind).toBe('refused');
    await driven.run(5);
    expect([driven.status(), driven.world.share]).toEqual(['paused', 0]);
  });

  it('that keeps its traffic for a minute, because the write is refused, pages somebody once', async () => {
    const driven = await atTwenty();
    driven.images.canary = imagesOf('v2b');
    await driven.run(300, { write: { kind: 'unavailable', reason: 'forbidden', why: 'may not patch' } });
    const pages = driven.world.events.filter(({ type }) => type === 'page');
    expect(pages.map(({ message }) => message)).toEqual([
      'The changed canary still has traffic: 20 % of traffic on v2 (canary), 80 % of traffic on v1 (stable) when last read; 0 % for the canary is being written.',
    ]);
    await driven.run(5);
    expect([driven.status(), driven.world.share]).toEqual(['paused', 0]);
  });

  it('begins at the first step when a person resumes, with nothing taken over', async () => {
    const driven = await atTwenty();
    driven.images.canary = imagesOf('v2b');
    await driven.run(30);
    driven.say({ action: 'resume' });
    await driven.turn();
    expect(driven.world.rollout.identity?.digests).toEqual({ app: 'sha256:v2b' });
    expect([driven.status(), driven.world.share]).toEqual(['running', 5]);
    expect(driven.world.rollout.watch.results).toEqual({});
    await driven.run(400);
    expect([driven.status(), driven.world.share]).toEqual(['succeeded', 100]);
  });

  it('gets no traffic after a resume while its pods still run several images', async () => {
    const driven = await atTwenty();
    driven.images.canary = pods({ build: 'v2' }, { build: 'v2b' });
    await driven.run(30);
    driven.say({ action: 'resume' });
    await driven.run(120);
    expect([driven.status(), driven.world.share]).toEqual(['holding', 0]);
    expect(statusReasonOf(driven.world.rollout)).toBe('canary_unsettled');
  });

  it('takes an approval that somebody was about to give with it', async () => {
    const plan = planOf([...steps.slice(0, 2), { type: 'approval' }, { type: 'promote' }]);
    const driven = await baking({ plan });
    while (driven.status() !== 'awaiting_approval') await driven.run(10);
    const approval = driven.world.rollout.approvals[0]?.id ?? '';
    driven.images.canary = imagesOf('v2b');
    await driven.run(10);
    expect([driven.status(), driven.world.share]).toEqual(['paused', 0]);
    expect(driven.say({ action: 'approve', approval }, bob).kind).toBe('refused');
  });

  it('is not said to have changed because no pod is ready', async () => {
    const driven = await atTwenty();
    driven.images.canary = pods();
    await driven.run(20);
    expect(driven.types()).not.toContain('canary.changed');
  });
});

describe('a canary that is restarted with the same images', () => {
  it('keeps its weight and is baked anew', async () => {
    const driven = await atTwenty();
    await driven.run(50);
    driven.images.canary = pods({ build: 'v2', hash: 'restarted' });
    await driven.run(50);
    expect([driven.status(), driven.world.share]).toEqual(['running', 20]);
    expect(driven.types().filter((type) => type === 'canary.restarted')).toHaveLength(1);
    await driven.run(40);
    expect(driven.world.share).toBe(100);
  });

  it('is told of once, however long old and new pods stand side by side', async () => {
    const driven = await atTwenty();
    driven.images.canary = pods({ build: 'v2' }, { build: 'v2', hash: 'restarted' });
    await driven.run(50);
    expect(driven.types().filter((type) => type === 'canary.restarted')).toHaveLength(1);
  });
});
