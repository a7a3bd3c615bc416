import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Stack, startStack } from '../../local/stack.ts';
import { as, ask } from './ask.ts';
import { briefPlan, release, statusAtEnd, weights } from './release.ts';
import { waitUntil } from './wait-until.ts';

const patience = 90_000;
const canaryServes =
  'sum(rate(istio_requests_total{reporter="destination",destination_version="v2"}[5s])) > 0';
const rules = {
  groups: [
    {
      name: 'test',
      interval: '1s',
      rules: [
        { alert: 'Always', expr: 'vector(1)', labels: { severity: 'info' } },
        { alert: 'CanaryServes', expr: canaryServes, labels: { severity: 'info' } },
      ],
    },
  ],
};
const match = { alertname: 'PaymentsErrorRate' };

let stack: Stack;

beforeAll(async () => {
  const others = [{ kind: 'machine' as const, name: 'alertmanager' }];
  stack = await startStack({ seed: 41, say: () => undefined, others, rules });
  await waitUntil('Prometheus has an alert that fires', async () => (await listed()).includes('"firing"'));
}, 120_000);
afterAll(() => stack?.close(), 60_000);

async function listed(): Promise<string> {
  return (await fetch(`${stack.prometheusUrl}/api/v1/alerts`)).text();
}

/** What an Alertmanager posts of one alert. */
async function send(status: 'firing' | 'resolved', startsAt: Date) {
  const ends = { firing: '0001-01-01T00:00:00Z', resolved: new Date().toISOString() };
  const labels = { ...match, severity: 'critical' };
  const alert = {
    status,
    labels,
    startsAt: startsAt.toISOString(),
    endsAt: ends[status],
    fingerprint: 'a1b2',
  };
  const body = { version: '4', status, receiver: 'canaryd', alerts: [alert] };
  const answer = await ask(as(stack, 'alertmanager'), '/v1/hooks/alertmanager', { body });
  expect(answer.status).toBe(202);
  return answer.body['new'];
}

/** At 20 % for a minute, listening to these. */
async function listening(alerts: object[]) {
  const steps = [
    { type: 'setWeight', weight: 20 },
    { type: 'bake', duration: '60s' },
    { type: 'promote', bake: '4s' },
  ];
  const rollout = await release(stack, 'v2', { ...briefPlan, readiness: { block: [] }, steps, alerts });
  await rollout.untilWeight(20);
  return rollout;
}

async function takenBack(rollout: Awaited<ReturnType<typeof listening>>): Promise<void> {
  await rollout.act('rollback');
  await statusAtEnd(stack, rollout.id);
}

describe('a rollout that listens to alerts', () => {
  it('holds for one that Alertmanager sent, until it is resolved', { timeout: patience }, async () => {
    const rollout = await listening([{ match }]);
    const startsAt = new Date();
    expect(await send('firing', startsAt)).toBe(1);
    expect(await send('firing', startsAt)).toBe(0);
    await rollout.untilReason('alert_firing');
    expect((await rollout.find()).explanation.what).toMatch(
      /the alert PaymentsErrorRate .*sent by alertmanager/,
    );
    await send('resolved', startsAt);
    await rollout.untilStatus('running');
    await takenBack(rollout);
  });

  it('goes back for one that began after it, where its plan says so', { timeout: patience }, async () => {
    const rollout = await listening([{ match, then: 'rollback' }]);
    await send('firing', new Date());
    expect(await statusAtEnd(stack, rollout.id)).toBe('rolled_back');
    expect(weights(stack)).toMatchObject({ v1: 100, v2: 0 });
    const { body } = await ask(stack, rollout.path);
    expect(body).toMatchObject({ statusReason: 'alert_firing', outcome: { cause: 'alert' } });
  });

  it('goes back for one that Prometheus lists, as soon as the canary makes it fire', {
    timeout: patience,
  }, async () => {
    await waitUntil('no canary serves', async () => !(await listed()).includes('CanaryServes'));
    const alerts = [{ match: { alertname: 'CanaryServes' }, then: 'rollback' }];
    const rollout = await listening(alerts);
    expect(await statusAtEnd(stack, rollout.id)).toBe('rolled_back');
    const { body } = await ask(stack, rollout.path);
    expect(body).toMatchObject({
      outcome: { cause: 'alert', reason: expect.stringContaining('CanaryServes') },
    });
  });

  it('holds for one that began before it, whatever its plan says', { timeout: patience }, async () => {
    const rollout = await listening([{ match: { alertname: 'Always' }, then: 'rollback' }]);
    await rollout.untilSaid('before this rollout began');
    expect((await rollout.find()).status).toBe('holding');
    await takenBack(rollout);
  });
});
