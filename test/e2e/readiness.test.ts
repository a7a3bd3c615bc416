import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { accessPolicy, letCallersReach } from '../../demo/live/access-policy.ts';
import { type Stack, startStack } from '../../local/stack.ts';
import { demoMesh, joined } from '../../src/sandbox/demo-mesh.ts';
import { fixedNamesMesh } from '../../src/sandbox/fixed-names-mesh.ts';
import type { MeshSpec } from '../../src/sandbox/mesh-spec.ts';
import { ask } from './ask.ts';
import { begin, briefPlan, payment, refund, weights } from './release.ts';
import { waitUntil } from './wait-until.ts';

const patience = 90_000;
const namespace = 'payment-prod';
const { errors, p99 } = briefPlan.checks;

let stack: Stack;

beforeAll(async () => {
  const mesh = joined([demoMesh(), withCoarseBuckets(fixedNamesMesh('refund-service'))]);
  stack = await startStack({ seed: 37, say: () => undefined, mesh });
  for (const target of [payment('v2'), refund])
    await waitUntil('a whole window of requests is known', async () => {
      const { findings } = (await preflight({ target, plan: briefPlan })).readiness;
      return findings.every(({ id, result }) => id !== 'PF-PR-02' || result === 'pass');
    });
}, 120_000);
afterAll(() => stack?.close(), 60_000);

/** Its proxies were told to keep few buckets: the last finite one ends at a second. */
function withCoarseBuckets({ services, objects }: MeshSpec): MeshSpec {
  const durationBucketsMs = [10, 50, 100, 250, 500, 1000];
  return { services: services.map((service) => ({ ...service, durationBucketsMs })), objects };
}

const Finding = z.looseObject({
  id: z.string(),
  result: z.string(),
  severity: z.string().nullable(),
  read: z.string(),
  mend: z.string().nullable(),
  blocks: z.boolean(),
});
const Findings = z.looseObject({ findings: z.array(Finding) });
const Preflight = z.looseObject({ ready: z.boolean(), why: z.string().nullable(), readiness: Findings });
const Preview = z.looseObject({ readiness: Findings });

async function preflight(asked: { target: object; plan: object }) {
  const { status, body } = await ask(stack, '/v1/preflights', { body: asked });
  expect(status).toBe(200);
  return Preflight.parse(body);
}

function wrongIn({ findings }: z.infer<typeof Findings>, result: 'fail' | 'unknown') {
  return findings.filter((one) => one.result === result);
}

const ids = (findings: { id: string }[]) => findings.map(({ id }) => id);

const onlyStable = () => letCallersReach(stack.sandbox, 'v1');
const everyVersion = () => letCallersReach(stack.sandbox, null);

const written = () => stack.sandbox.writes;

async function eventOf(rollout: Awaited<ReturnType<typeof begin>>, type: string) {
  return (await rollout.events()).find((one) => one.type === type);
}

describe.sequential('before the first percent', () => {
  it('a target in order is said to be ready, and what nobody can read is named as unknown', async () => {
    const { ready, why, readiness } = await preflight({ target: payment('v2'), plan: briefPlan });
    expect([ready, why]).toEqual([true, null]);
    expect(wrongIn(readiness, 'fail').filter(({ severity }) => severity === 'error')).toEqual([]);
    // The stack has no Alertmanager.
    expect(ids(wrongIn(readiness, 'unknown'))).toEqual(['PF-AL-03']);
    expect(readiness.findings.find(({ id }) => id === 'PF-AL-01')).toMatchObject({
      result: 'pass',
      read: expect.stringContaining('2 alert rules watch payment-prod/payment-service'),
    });
  });

  it('a plan takes its limits from the alert rules of the cluster, and is refused where there is none', async () => {
    const steps = [{ type: 'setWeight', weight: 5 }, { type: 'bake', duration: '2m' }, { type: 'promote' }];
    const asking = (rule: string) => ({
      target: payment('v2'),
      plan: { checks: { limit: { rule } }, steps },
    });
    const shown = await ask(stack, '/v1/rollouts?dryRun=all', { body: asking('bank/ServiceErrors') });
    expect(shown).toMatchObject({
      status: 200,
      body: {
        checks: [
          { limit: 0.01, windowSeconds: 60, severity: 'critical', fromRule: { alert: 'ServiceErrors' } },
        ],
      },
    });
    const refused = await ask(stack, '/v1/rollouts', { body: asking('bank/Errors') });
    expect(refused).toMatchObject({
      status: 422,
      body: {
        errors: [{ pointer: '/plan/checks/limit/rule', detail: expect.stringContaining('bank/ServiceSlow') }],
      },
    });
  });

  it(
    'a canary that an AuthorizationPolicy leaves out is refused, with the policy, both versions and the mend, and nothing is written',
    async () => {
      onlyStable();
      const before = written().length;
      const rollout = await begin(stack, { target: payment('v2'), plan: briefPlan });
      const { explanation } = await rollout.untilStatus('preflight_failed');
      expect(explanation.what).toMatch(
        /PF-AZ-02: AuthorizationPolicy payment-prod\/allow-callers-of-payment-service .*v1.*v2/,
      );
      expect(explanation.what).toContain(
        `let it select both versions: kubectl -n ${namespace} patch authorizationpolicy ${accessPolicy}`,
      );
      expect(written().slice(before)).toEqual([]);
      expect(weights(stack)).toEqual({ v1: 100, v2: 0, v3: 0 });
      expect((await eventOf(rollout, 'preflight.completed'))?.facts).toMatchObject({
        findings: expect.arrayContaining([
          expect.objectContaining({ id: 'PF-AZ-02', severity: 'error', blocks: true, waiver: null }),
        ]),
      });
    },
    patience,
  );

  it(
    'a waiver in the plan lets it start all the same, and the audit log says so',
    async () => {
      const reason = 'v2 gets its policy from its own chart';
      const until = new Date(Date.now() + 3_600_000).toISOString();
      const plan = { ...briefPlan, readiness: { waivers: [{ check: 'PF-AZ-02', reason, until }] } };
      const rollout = await begin(stack, { target: payment('v2'), plan });
      await rollout.untilWeight(20);
      expect(await eventOf(rollout, 'preflight.completed')).toMatchObject({
        message: expect.stringContaining('1 waived'),
        facts: {
          findings: expect.arrayContaining([
            expect.objectContaining({
              id: 'PF-AZ-02',
              blocks: false,
              waiver: expect.objectContaining({ reason, expired: false }),
            }),
          ]),
        },
      });
      await rollout.act('rollback');
      await rollout.untilStatus('rolled_back');
    },
    patience,
  );

  it(
    'a P99 limit above the last finite bucket is refused, with the bucket and what to do',
    async () => {
      const before = written().length;
      const plan = { ...briefPlan, checks: { errors, p99 } };
      const { findings } = (await preflight({ target: refund, plan })).readiness;
      expect(findings.find(({ id }) => id === 'PF-PR-05')).toMatchObject({
        result: 'fail',
        severity: 'error',
        blocks: true,
      });
      const rollout = await begin(stack, { target: refund, plan });
      const { explanation } = await rollout.untilStatus('preflight_failed');
      expect(explanation.what).toMatch(
        /PF-PR-05: check p99: the limit is 2000 ms, and the last finite bucket of stable's latency ends at 1000 ms; .*at most 1000 ms/,
      );
      expect(written().slice(before)).toEqual([]);
      expect(weights(stack, 'refund-service')).toEqual({ stable: 100, canary: 0 });
    },
    patience,
  );

  it(
    'a P99 limit inside a bucket is a warning with the bounds, and the release goes to its end',
    async () => {
      everyVersion();
      const asked = { target: payment('v2'), plan: briefPlan };
      const said = {
        result: 'fail',
        severity: 'warn',
        blocks: false,
        read: expect.stringContaining('the limit of 2000 ms lies inside the bucket from 1000 to 2500 ms'),
      };
      const { ready, readiness } = await preflight(asked);
      expect(ready).toBe(true);
      expect(readiness.findings).toContainEqual(expect.objectContaining({ id: 'PF-PR-05', ...said }));
      const previewed = await ask(stack, '/v1/rollouts?dryRun=all', { body: asked });
      expect(Preview.parse(previewed.body).readiness.findings).toContainEqual(
        expect.objectContaining({ id: 'PF-PR-05', ...said }),
      );
      const rollout = await begin(stack, asked);
      await rollout.untilStatus('succeeded');
      expect(weights(stack)).toEqual({ v1: 0, v2: 100, v3: 0 });
      expect((await eventOf(rollout, 'preflight.completed'))?.message).toMatch(/1 warning, .*\d+ passed/);
    },
    patience,
  );
});
