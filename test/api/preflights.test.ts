import { describe, expect, it } from 'vitest';
import { PreflightOnWire } from '../../src/api/readiness-wire.ts';
import { trafficAt } from '../../src/rollout/rollout.ts';
import { aRollout, rolloutId } from '../fakes/rollouts.ts';
import { darkSurroundings, surroundingsOf } from '../fakes/surroundings.ts';
import { noon, read } from '../readiness/healthy.ts';
import { problemOf, slugOf } from './api.ts';
import { bank as place, type ReadinessWorld, readinessWorld } from './readiness-world.ts';

const bank = { ...place, cluster: 'default' };

const plan = {
  steps: [{ type: 'setWeight', weight: 5 }, { type: 'bake', duration: '5m' }, { type: 'promote' }],
};

const leftOut = surroundingsOf({ peerAuthentications: read([]) });

async function preflight(world: ReadinessWorld, readiness: object = {}) {
  const response = await world.post({
    target: bank,
    plan: { ...plan, readiness: { mutualTls: 'STRICT', ...readiness } },
  });
  expect(response.statusCode).toBe(200);
  const body: unknown = response.json();
  const parsed = PreflightOnWire.parse(body);
  expect(parsed).toEqual(body);
  const { findings } = parsed.readiness;
  return { ...parsed, finding: (id: string) => findings.find((one) => one.id === id) };
}

const waiver = (until: string) => ({ check: 'PF-MT-01', reason: 'CHG0041234: mesh moves in May', until });

describe('a preflight', () => {
  it('says that a rollout may start, with what was read by every check', async () => {
    const { ready, why, versions, readiness } = await preflight(await readinessWorld());
    expect({ ready, why, versions }).toEqual({
      ready: true,
      why: null,
      versions: { stable: 'v1', canary: 'v2' },
    });
    expect(readiness.at).toBe(new Date(noon).toISOString());
    expect(readiness.summary).toMatchObject({ blocking: 0, error: 0, unknown: 0 });
    expect(readiness.findings.every((finding) => finding.read !== '')).toBe(true);
  });

  it('says what keeps it from starting, what that means and how to mend it', async () => {
    const { ready, why, finding, readiness } = await preflight(
      await readinessWorld({ surroundings: leftOut }),
    );
    expect([ready, why]).toEqual([false, expect.stringContaining('PF-MT-01')]);
    expect(readiness.summary.blocking).toBeGreaterThan(0);
    expect(finding('PF-MT-01')).toMatchObject({
      result: 'fail',
      severity: 'error',
      blocks: true,
      read: expect.stringContaining('PERMISSIVE'),
      means: expect.any(String),
      mend: expect.any(String),
      waiver: null,
    });
  });

  it('lets what a waiver covers pass, and shows the waiver with its reason and end', async () => {
    const until = new Date(noon + 3_600_000).toISOString();
    const world = await readinessWorld({ surroundings: leftOut });
    const { ready, finding, readiness } = await preflight(world, { waivers: [waiver(until)] });
    expect(ready).toBe(true);
    expect(readiness.summary).toMatchObject({ blocking: 0, waived: 1 });
    expect(finding('PF-MT-01')).toMatchObject({
      result: 'fail',
      blocks: false,
      waiver: { reason: 'CHG0041234: mesh moves in May', until, expired: false },
    });
  });

  it('counts a check again from the moment at which its waiver ends', async () => {
    const world = await readinessWorld({ surroundings: leftOut });
    const until = new Date(noon).toISOString();
    const { ready, why, finding } = await preflight(world, { waivers: [waiver(until)] });
    expect([ready, why]).toEqual([false, expect.stringContaining('its waiver ended')]);
    expect(finding('PF-MT-01')).toMatchObject({ blocks: true, waiver: { expired: true } });
  });

  it('is kept by nothing unknown unless the plan says so, and never calls it passed', async () => {
    const world = await readinessWorld({ surroundings: darkSurroundings() });
    const usual = await preflight(world);
    expect(usual.finding('PF-AZ-02')).toMatchObject({ result: 'unknown', blocks: false });
    const strict = await preflight(world, { block: ['error', 'unknown'] });
    expect([strict.ready, strict.finding('PF-AZ-02')?.blocks]).toEqual([false, true]);
    expect(strict.why).toContain('could not be read');
  });

  it('is not made while another rollout has the weights in mid-air, and names that one', async () => {
    const world = await readinessWorld({ rollouts: [aRollout({ traffic: trafficAt(20, noon) })] });
    world.mesh.moveByAnotherHand(bank, 20);
    const problem = problemOf(await world.post({ target: bank, plan }));
    expect([problem.type, problem.activeRollout]).toEqual([
      '/problems/rollout-already-active',
      `/v1/rollouts/${rolloutId(1)}`,
    ]);
  });

  it('fails while another rollout holds the route with its weights at rest', async () => {
    const { ready, finding } = await preflight(await readinessWorld({ rollouts: [aRollout()] }));
    expect([ready, finding('PF-GO-05')?.read]).toEqual([false, expect.stringContaining(rolloutId(1))]);
  });

  it.each([
    ['no target', { plan }, 'validation-error'],
    ['a plan without steps', { target: bank, plan: { steps: [] } }, 'plan-invalid'],
    [
      'a waiver that says no reason',
      {
        target: bank,
        plan: { ...plan, readiness: { waivers: [{ check: 'PF-MT-01', until: '2026-12-01' }] } },
      },
      'plan-invalid',
    ],
    ['a plan that nobody keeps', { target: bank, plan: 'nobodys' }, 'plan-not-found'],
    [
      'a target that is not there',
      { target: { ...bank, virtualService: 'nowhere' }, plan },
      'target-not-found',
    ],
    ['a cluster that nobody knows', { target: { ...bank, cluster: 'green' }, plan }, 'cluster-unknown'],
    [
      'no cluster where there are several',
      { target: { ...bank, cluster: undefined }, plan },
      'cluster-unknown',
    ],
  ])('refuses %s', async (_name, body, slug) => {
    expect(slugOf(await (await readinessWorld()).post(body))).toBe(slug);
  });

  it('cannot be made while the cluster gives no answer', async () => {
    const world = await readinessWorld();
    world.mesh.breakDown({ kind: 'unavailable', reason: 'timeout', why: 'connect ETIMEDOUT 10.0.0.1:6443' });
    const response = await world.post({ target: bank, plan });
    expect(slugOf(response)).toBe('kubernetes-unavailable');
    expect(response.body).not.toContain('10.0.0.1');
  });

  it('writes nothing', async () => {
    const world = await readinessWorld();
    await preflight(world);
    expect([world.mesh.writes(bank), (await world.service.list({ limit: 10 })).rollouts]).toEqual([[], []]);
  });
});
