import { describe, expect, it } from 'vitest';
import { isProven } from '../../src/rollout/evidence.ts';
import { explain } from '../../src/rollout/explain.ts';
import { Plan } from '../../src/rollout/plan.ts';
import { Rollout } from '../../src/rollout/rollout.ts';
import { statusReasonOf } from '../../src/rollout/status-reason.ts';
import { aRollout } from '../fakes/rollouts.ts';
import { alice, drive, start } from './drive.ts';

const plan = Plan.parse({
  name: 'sequential',
  steps: [
    { type: 'setWeight', weight: 5 },
    { type: 'bake', duration: '5m' },
    { type: 'setWeight', weight: 50 },
    { type: 'bake', duration: '5m' },
    { type: 'promote', bake: '5m' },
  ],
});
const waiting = { kind: 'preflight' as const, waitingFor: null };

/** At 5 %, in its first bake, from preflight on. */
async function judged(over: Partial<Plan> = {}) {
  const driven = drive({ plan: { ...plan, ...over }, state: waiting });
  await driven.run(10);
  return driven;
}

function ruling({ world }: Awaited<ReturnType<typeof judged>>) {
  return world.rollout.watch.judge?.verdict?.ruling;
}

describe('a plan that people write without saying who judges', () => {
  it('is judged sequentially', () => {
    expect(plan.judge).toBe('sequential');
  });

  it('goes on by thresholds where it began before there was a choice', () => {
    const { judge: _, ...before } = aRollout().plan;
    expect(Rollout.parse({ ...aRollout(), plan: before }).plan.judge).toBe('threshold');
  });
});

describe('the sequential judge in a rollout', () => {
  it('lets a healthy canary through all steps and never ends a bake before its time', async () => {
    const driven = await judged();
    await driven.run(2000);
    expect(driven.status()).toBe('succeeded');
    expect(driven.world.now - start).toBeGreaterThanOrEqual(900_000);
  });

  it('rolls back within two polls a canary that fails one request in five', async () => {
    const driven = await judged();
    driven.flow.canary = { errors: 0.2, slow: 0.003 };
    await driven.run(21);
    expect(driven.status()).toBe('rolled_back');
    expect(driven.world.share).toBe(0);
    const { what } = explain(driven.world.rollout, null, driven.world.now);
    expect(what).toMatch(/the canary is worse than stable. 5xx of the canary \d+ of \d+ = /);
    expect(what).toMatch(/Evidence .*: 100 is needed/);
  });

  it('rolls back a canary within its limits that is worse than stable', async () => {
    const driven = await judged();
    driven.flow.canary = { errors: 0.008, slow: 0.003 };
    await driven.run(300);
    expect(driven.status()).toBe('rolled_back');
    expect(driven.world.rollout.watch.results['errorRate']?.verdict ?? 'pass').toBe('pass');
  });

  it('counts the very first requests of the canary, those before the first poll', async () => {
    const driven = drive({ plan, state: waiting });
    driven.flow.canary = { errors: 1, slow: 0 };
    await driven.run(1);
    expect(driven.world.share).toBe(5);
    await driven.run(21);
    expect(driven.status()).toBe('rolled_back');
    const cause = driven.world.events.find(({ type }) => type === 'rollout.rolling_back')?.facts['cause'];
    expect(cause).toMatchObject({ kind: 'judged', ruling: 'regression' });
  });

  it('does not hold an outage against the canary that stable has, too, and says until when it waits', async () => {
    const driven = await judged();
    driven.flow.canary = { errors: 0.05, slow: 0.003 };
    driven.flow.stable = { errors: 0.05, slow: 0.003 };
    await driven.run(60);
    expect(driven.status()).toBe('holding');
    expect(statusReasonOf(driven.world.rollout)).toBe('environment');
    const { what, next } = explain(driven.world.rollout, driven.world.nextAt, driven.world.now);
    expect(what).toContain('stable is over the limit, too');
    expect(next).toMatch(/or rolls back at \d\d:\d\d:\d\d/);
    await driven.run(400);
    expect(driven.status()).toBe('rolled_back');
    expect(statusReasonOf(driven.world.rollout)).toBe('environment_limit');
  });

  it('goes on when an outage that both share is over', async () => {
    const driven = await judged();
    const outage = { errors: 0.05, slow: 0.003 };
    Object.assign(driven.flow, { canary: outage, stable: outage });
    await driven.run(60);
    const usual = { errors: 0.002, slow: 0.003 };
    Object.assign(driven.flow, { canary: usual, stable: usual });
    await driven.run(2000);
    expect(driven.status()).toBe('succeeded');
  });

  it('never goes on without traffic, and says how many requests the step had', async () => {
    const driven = await judged();
    driven.flow.perSecond = 0.02;
    await driven.run(1000);
    expect(driven.status()).toBe('holding');
    expect(statusReasonOf(driven.world.rollout)).toBe('no_traffic');
    expect(driven.world.share).toBe(5);
    const { what } = explain(driven.world.rollout, driven.world.nextAt, driven.world.now);
    expect(what).toMatch(/too few requests to judge/);
  });

  it('ends a bake early that may end early once the canary is proven healthy', async () => {
    const early = plan.steps.map((step) => (step.type === 'bake' ? { ...step, early: true as const } : step));
    const driven = await judged({ steps: early });
    driven.flow.perSecond = 2000;
    await driven.run(90);
    expect(driven.world.share).toBe(50);
  });

  it('holds where the counters are missing, and goes back after 15 minutes of it', async () => {
    const driven = await judged();
    driven.flow.broken = 'Prometheus at metrics.test gave a partial answer';
    await driven.run(30);
    expect(driven.status()).toBe('holding');
    expect(statusReasonOf(driven.world.rollout)).toBe('metrics_missing');
    await driven.run(900);
    expect(driven.status()).toBe('rolled_back');
  });

  it('judges without a history of stable, and says that its noise is assumed', async () => {
    const driven = drive({ plan, state: waiting });
    driven.flow.historyBroken = 'the query was too slow';
    await driven.run(60);
    expect(driven.world.rollout.watch.judge?.untold).toMatchObject({ why: 'the query was too slow' });
    expect(driven.world.rollout.watch.judge?.verdict?.metrics[0]?.noiseFrom).toBe('assumed');
    driven.flow.canary = { errors: 0.2, slow: 0.003 };
    await driven.run(31);
    expect(driven.status()).toBe('rolled_back');
  });

  it('knows the same after a restart at any poll', async () => {
    const driven = await judged();
    for (let poll = 0; poll < 40; poll++) {
      const stored: unknown = JSON.parse(JSON.stringify(driven.world.rollout));
      expect(Rollout.parse(stored)).toEqual(driven.world.rollout);
      driven.world.rollout = Rollout.parse(stored);
      await driven.run(10);
    }
    expect(ruling(driven)?.decision).not.toBe('rollback');
  });

  it('judges only by limits at 100 %, where nobody is left to compare with', async () => {
    const driven = await judged();
    await driven.run(650);
    expect(driven.world.share).toBe(100);
    driven.flow.canary = { errors: 0.05, slow: 0.003 };
    await driven.run(60);
    expect(driven.status()).toBe('rolled_back');
    const cause = driven.world.events.find(({ type }) => type === 'rollout.rolling_back')?.facts['cause'];
    expect(cause).toMatchObject({ kind: 'judged', ruling: 'limit' });
  });

  it('rolls back while it is paused, too', async () => {
    const driven = await judged();
    expect(driven.say({ action: 'pause' }, alice).kind).toBe('obeyed');
    driven.flow.canary = { errors: 0.2, slow: 0.003 };
    await driven.run(31);
    expect(driven.status()).toBe('rolled_back');
  });
});

describe('a look of the sequential judge', () => {
  const countedAt = ({ world }: Awaited<ReturnType<typeof judged>>) =>
    (world.rollout.watch.judge?.countedAt ?? 0) - start;

  it('waits until every pod was scraped again, however often the plan polls', async () => {
    const often = drive({ plan: { ...plan, interval: 5 }, state: waiting, scrapeSeconds: 30 });
    const looks = new Set<number>();
    for (let turn = 0; turn < 40; turn++) {
      await often.run(5);
      looks.add(countedAt(often));
    }
    const times = [...looks];
    const gaps = times.slice(1).map((at, place) => at - (times[place] ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(30_000);
  });

  it('waits twice as long where one of the two had no request, so that errors are never counted alone', async () => {
    const driven = drive({ plan, state: waiting, scrapeSeconds: 10 });
    await driven.run(30);
    const before = countedAt(driven);
    driven.flow.observed = 0;
    await driven.run(10);
    expect(countedAt(driven)).toBe(before);
    await driven.run(10);
    expect(countedAt(driven)).toBeGreaterThan(before);
  });

  it('has to have seen the share itself: nothing is proven by what came before the raise', async () => {
    const driven = drive({ plan, state: waiting, scrapeSeconds: 60 });
    await driven.run(61);
    expect(driven.world.rollout.watch.judge?.stretch.looks).toBe(0);
    expect(isProven(driven.world.rollout, 0)).toBe(false);
  });

  it('takes no time without data for time in which a limit was broken', async () => {
    const driven = await judged();
    await driven.run(60);
    driven.flow.canary = { errors: 0.012, slow: 0.003 };
    driven.flow.perSecond = 20;
    driven.flow.broken = 'Prometheus at metrics.test gave no answer in time';
    await driven.run(400);
    driven.flow.broken = null;
    await driven.run(60);
    expect(driven.status()).not.toBe('rolled_back');
  });

  it('says that the metrics are missing where one version alone is not scraped, pages, and goes back in the end', async () => {
    const driven = await judged();
    await driven.run(60);
    driven.flow.unscraped = 'stable';
    await driven.run(30);
    expect(statusReasonOf(driven.world.rollout)).toBe('metrics_missing');
    const { what } = explain(driven.world.rollout, null, driven.world.now);
    expect(what).toContain('Prometheus does not scrape the pods of stable any more');
    await driven.run(200);
    expect(driven.types()).toContain('page');
    await driven.run(900);
    expect(driven.status()).toBe('rolled_back');
  });

  it('forgets no errors where pods with other bounds of latency come and go', async () => {
    const driven = await judged();
    driven.flow.canary = { errors: 0.03, slow: 0.003 };
    const rolledBack = () => driven.status() === 'rolled_back';
    for (let turn = 0; turn < 20 && !rolledBack(); turn++) {
      driven.flow.boundsMs = turn % 2 === 0 ? [100, 500, 2500] : [100, 250, 500, 1000, 2500];
      await driven.run(10);
    }
    expect(rolledBack()).toBe(true);
    expect(driven.world.now - start).toBeLessThan(150_000);
  });

  it('counts what a canary had that was redeployed under its old name, from its first request on', async () => {
    const driven = drive({ plan, state: waiting });
    driven.flow.unscraped = 'canary';
    driven.flow.canary = { errors: 1, slow: 0 };
    await driven.run(1);
    driven.flow.unscraped = null;
    await driven.run(21);
    expect(driven.status()).toBe('rolled_back');
  });

  it('says when a shared outage leads back only while it counts as lasting', async () => {
    const driven = await judged();
    const outage = { errors: 0.05, slow: 0.003 };
    Object.assign(driven.flow, { canary: outage, stable: outage });
    await driven.run(120);
    const { next } = explain(driven.world.rollout, driven.world.nextAt, driven.world.now);
    const [, said = ''] = next.match(/or rolls back at (\d\d:\d\d:\d\d)/) ?? [];
    await driven.run(400);
    const rolledBack = driven.world.events.find(({ type }) => type === 'rollout.rolling_back');
    expect(rolledBack?.facts['cause']).toMatchObject({ ruling: 'environmentLimit' });
    expect(said).toMatch(/^10:05:[0-2]\d$/);
  });
});
