import { describe, expect, it } from 'vitest';
import { ChecklistOnWire } from '../../src/api/checklist-wire.ts';
import { trafficAt } from '../../src/rollout/rollout.ts';
import { aRollout, aScheduled, paymentTarget, rolloutId } from '../fakes/rollouts.ts';
import { darkSurroundings, surroundingsOf } from '../fakes/surroundings.ts';
import { noon, read } from '../readiness/healthy.ts';
import { problemOf, slugOf } from './api.ts';
import { bank, type ReadinessWorld, readinessWorld } from './readiness-world.ts';

const url = '/v1/targets/default/payment-prod/payment-service/checklist';

async function checklist(world: ReadinessWorld, query = '') {
  const response = await world.get(`${url}${query}`);
  expect(response.statusCode).toBe(200);
  const body: unknown = response.json();
  const parsed = ChecklistOnWire.parse(body);
  expect(parsed).toEqual(body);
  const all = parsed.priorities.flatMap(({ checks }) => checks);
  return { ...parsed, all, row: (id: string) => all.find((check) => check.id === id) };
}

const plainCaller = {
  workload: 'batch',
  namespace: 'order-prod',
  principal: null,
  requestsPerSecond: 60,
  plaintextPerSecond: 60,
};

describe('the checklist of a target', () => {
  it('has every check once, P0 first, each with its live state and what was read', async () => {
    const { priorities, all, row, ...rest } = await checklist(await readinessWorld());
    expect(rest).toMatchObject({
      ...bank,
      cluster: 'default',
      checkedAt: new Date(noon).toISOString(),
      versions: { stable: 'v1', canary: 'v2' },
      liveRollout: null,
    });
    expect(priorities.map(({ priority }) => priority)).toEqual(['P0', 'P1', 'P2']);
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
    expect(all.every(({ findings }) => findings.every((finding) => finding.read !== ''))).toBe(true);
    expect(row('PF-MT-01')).toMatchObject({ state: 'pass', severity: null, family: 'mutual-tls' });
    expect(row('PF-VS-10')).toMatchObject({ state: 'skip' });
  });

  it('counts the checks of each priority by what they say', async () => {
    const { priorities } = await checklist(await readinessWorld());
    for (const { counts, checks } of priorities) {
      const { passed, failed, warned, unknown, skipped } = counts;
      expect(counts.checks).toBe(checks.length);
      expect(passed + failed + warned + unknown + skipped).toBe(checks.length);
    }
    expect(priorities[0]?.counts).toMatchObject({ failed: 0, warned: 1, unknown: 0, skipped: 3 });
  });

  it('says by which limits it was judged, as no plan was named', async () => {
    const { limits } = await checklist(await readinessWorld());
    expect(limits).toMatchObject({
      checks: [
        { check: 'errorRate', unit: 'ratio', limit: 0.01, windowSeconds: 60, minRequests: 100 },
        { check: 'p99', unit: 'ms', limit: 2000 },
      ],
      shares: [5, 25, 50, 100],
      deadlineSeconds: 7200,
      mutualTls: 'STRICT',
      defaultDeny: true,
    });
  });

  it('shows what fails with what it means, how to mend it, the object and the codes of other tools', async () => {
    const surroundings = surroundingsOf({ callers: read([plainCaller]), authorizationPolicies: read([]) });
    const { row, priorities } = await checklist(await readinessWorld({ surroundings }));
    expect(row('PF-MT-02')).toMatchObject({ state: 'fail', severity: 'error' });
    expect(row('PF-MT-02')?.findings[0]).toMatchObject({
      result: 'fail',
      read: expect.stringContaining('order-prod/batch'),
      means: expect.any(String),
      mend: expect.any(String),
    });
    expect(row('PF-AZ-01')).toMatchObject({ state: 'fail', severity: 'error', codes: ['KIA1301'] });
    expect(priorities[0]?.counts.failed).toBe(2);
  });

  it('is unknown where canaryd may not read, says how to mend that, and never calls it passed', async () => {
    const { row, priorities } = await checklist(await readinessWorld({ surroundings: darkSurroundings() }));
    expect(row('PF-AZ-02')).toMatchObject({ state: 'unknown', severity: null });
    expect(row('PF-AZ-02')?.findings[0]).toMatchObject({
      result: 'unknown',
      read: expect.stringContaining('could not be read'),
      mend: 'give it the Role canaryd-read',
    });
    expect(priorities[0]?.counts.passed).toBeLessThan(5);
  });

  it('is unknown in what metrics tell while they cannot be asked', async () => {
    const world = await readinessWorld();
    world.metrics.breakDown();
    expect((await checklist(world)).row('PF-PR-02')).toMatchObject({ state: 'unknown' });
  });

  it('writes nothing', async () => {
    const world = await readinessWorld();
    await checklist(world);
    expect([world.mesh.writes(bank), (await world.service.list({ limit: 10 })).rollouts]).toEqual([[], []]);
  });
});

describe('the roles of a checklist', () => {
  it.each([20, 100])('are those of the live rollout while its canary has %d percent', async (share) => {
    const world = await readinessWorld({ rollouts: [aRollout({ traffic: trafficAt(share, noon) })] });
    world.mesh.moveByAnotherHand(bank, share);
    const { liveRollout, versions, row, limits } = await checklist(world);
    expect({ liveRollout, versions }).toEqual({
      liveRollout: rolloutId(1),
      versions: { stable: 'v1', canary: 'v2' },
    });
    expect(row('PF-GO-05')).toMatchObject({ state: 'pass' });
    expect(row('PF-VS-02')).toMatchObject({ state: 'skip' });
    expect(row('PF-VS-10')?.findings[0]?.read).toContain(`${share} %`);
    expect(limits.shares).toEqual([5, 25, 50, 100]);
  });

  it('are told by the weights while a rollout of another route is live, and that one is told of', async () => {
    const other = {
      ...paymentTarget,
      routes: [
        { key: { kind: 'http' as const, name: 'reports' }, original: { stable: 100, canary: 0, others: [] } },
      ],
    };
    const world = await readinessWorld({ rollouts: [aRollout({ target: other })] });
    const { liveRollout, row } = await checklist(world, '?route=primary');
    expect([liveRollout, row('PF-GO-05')?.state]).toEqual([null, 'fail']);
  });

  it('are told by the weights while a rollout only waits for its time', async () => {
    const world = await readinessWorld({ rollouts: [aScheduled()] });
    expect((await checklist(world)).liveRollout).toBeNull();
  });

  it.each([
    'v2',
    'payment-service.payment-prod.svc.cluster.local',
  ])('can be chosen by the subset or the host of the canary: %s', async (name) => {
    const { target } = await checklist(await readinessWorld(), `?canary=${name}`);
    expect(target.canary).toMatchObject({ subset: 'v2' });
  });

  it('are not known while the weights are not at rest and no rollout is live', async () => {
    const world = await readinessWorld();
    world.mesh.moveByAnotherHand(bank, 30);
    const problem = problemOf(await world.get(url));
    expect([problem.status, problem.type]).toEqual([422, '/problems/split-not-at-rest']);
    expect(problem.explanation?.next).toContain('ask again');
  });

  it('are not known for a canary that is not there, whoever is live, and the answer names the parameter', async () => {
    const world = await readinessWorld({ rollouts: [aRollout()] });
    const problem = problemOf(await world.get(`${url}?canary=v9`));
    expect([problem.type, problem.errors?.[0]?.pointer]).toEqual([
      '/problems/destination-not-in-route',
      'canary',
    ]);
    expect(problem.detail).toContain('v9');
  });
});

describe('a question about the surroundings of a target', () => {
  it.each(['checklist', 'mtls'])('that is not there is answered with a sentence: %s', async (part) => {
    const { get } = await readinessWorld();
    const detailOf = async (path: string) => {
      const problem = problemOf(await get(`/v1/targets/${path}/${part}`));
      return [problem.status, problem.detail];
    };
    expect(await detailOf('default/payment-prod/nowhere')).toEqual([
      404,
      expect.stringContaining('no VirtualService "nowhere" in the namespace "payment-prod"'),
    ]);
    expect(await detailOf('default/payment-prod/..%2Fx')).toEqual([404, expect.stringContaining('"../x"')]);
    expect(await detailOf('green/payment-prod/payment-service')).toEqual([
      404,
      expect.stringContaining('no cluster "green". Clusters here: "default", "blue"'),
    ]);
  });

  it.each(['checklist', 'mtls'])('cannot be answered while the cluster gives none: %s', async (part) => {
    const { mesh, get } = await readinessWorld();
    mesh.breakDown({ kind: 'unavailable', reason: 'unreachable', why: 'connect ECONNREFUSED 10.0.0.1:6443' });
    const response = await get(`/v1/targets/default/payment-prod/payment-service/${part}`);
    expect(problemOf(response)).toMatchObject({ status: 503, type: '/problems/kubernetes-unavailable' });
    expect(response.body).not.toContain('10.0.0.1');
  });

  it('is not answered by guesses while this version cannot read the rollout that is live there', async () => {
    const { store, get } = await readinessWorld({ rollouts: [aRollout()] });
    store.spoil(rolloutId(1));
    expect(slugOf(await get(url))).toBe('rollout-unreadable');
  });

  it('refuses a parameter that it does not know', async () => {
    expect(slugOf(await (await readinessWorld()).get(`${url}?plan=pci`))).toBe('malformed-request');
  });
});
