import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { heardTogether } from '../../src/rollout/alerts.ts';
import { explain } from '../../src/rollout/explain.ts';
import { hearAlerts } from '../../src/rollout/hear-alerts.ts';
import { Plan } from '../../src/rollout/plan.ts';
import type { AlertSources, FiringAlert, Heard } from '../../src/rollout/ports/alerts.ts';
import { Rollout } from '../../src/rollout/rollout.ts';
import { statusReasonOf } from '../../src/rollout/status-reason.ts';
import { memoryAlerts, settableAlerts } from '../fakes/alerts.ts';
import { aRollout } from '../fakes/rollouts.ts';
import { noneReady, start } from './drive.ts';
import { type Driven, everyPlace, handingOver, places, polls } from './places.ts';

const alertmanager = { kind: 'hook', by: { kind: 'machine', name: 'alertmanager' } } as const;
const match = { alertname: 'PaymentsErrorRate', severity: 'critical' };
const back = { alerts: [{ match, then: 'rollback' }] };
const holds = { alerts: [{ match }] };

function firing(over: Partial<FiringAlert> = {}): FiringAlert {
  return {
    labels: { ...match, pod: 'payments-1' },
    startsAt: start + 1000,
    receivedBy: alertmanager,
    ...over,
  };
}

function heard(...alerts: FiringAlert[]): Heard {
  return { firing: alerts, unread: [] };
}

const nothing = heard();
const outage: Heard = { firing: [], unread: [{ from: 'prometheus', why: 'Prometheus gave no answer' }] };

function causeOf({ world }: Driven) {
  const { state } = world.rollout;
  return 'cause' in state ? state.cause : null;
}

function reasonOf({ world }: Driven) {
  const { state } = world.rollout;
  return state.kind === 'holding' ? state.reason : null;
}

const what = ({ world }: Driven) => explain(world.rollout, null, world.now).what;

describe('an alert that the plan rolls back for, and that began after the rollout', () => {
  it.each(everyPlace)('rolls a %s rollout back at the next poll', async (place) => {
    const driven = await places[place](back);
    driven.world.heard = heard(firing());
    await polls(driven, 1);
    expect([driven.status(), driven.world.share]).toEqual(['rolled_back', 0]);
    expect(causeOf(driven)).toEqual({
      kind: 'alert',
      name: 'PaymentsErrorRate',
      labels: match,
      startsAt: start + 1000,
      receivedBy: alertmanager,
    });
    expect(statusReasonOf(driven.world.rollout)).toBe('alert_firing');
  });

  it('rolls back a rollout of the sequential judge, too', async () => {
    const driven = await places.running({ ...back, judge: 'sequential' });
    driven.world.heard = heard(firing());
    await polls(driven, 1);
    expect(causeOf(driven)).toMatchObject({ kind: 'alert' });
  });

  it('is the reason in the audit log, with the labels that the plan named and who told of it', async () => {
    const driven = await places.running(back);
    driven.world.heard = heard(firing());
    await polls(driven, 1);
    const told = driven.world.events.find(({ type }) => type === 'rollout.rolling_back');
    expect(told?.facts).toMatchObject({ cause: { kind: 'alert', labels: match, receivedBy: alertmanager } });
    expect(told?.message).toContain('(sent by alertmanager)');
  });

  it('rolls back when it began in the very instant in which the rollout did', async () => {
    const driven = await places.running(back);
    driven.world.heard = heard(firing({ startsAt: start }));
    await polls(driven, 1);
    expect(driven.status()).toBe('rolled_back');
  });

  it('rolls back a handover while there is a way back', async () => {
    const driven = await handingOver();
    driven.world.rollout = {
      ...driven.world.rollout,
      plan: { ...driven.world.rollout.plan, ...parsed(back) },
    };
    driven.world.heard = heard(firing());
    await polls(driven, 1);
    expect(driven.status()).toBe('rolled_back');
  });

  it('does nothing while the canary has no traffic', async () => {
    const driven = await places.running(back);
    driven.world.share = 0;
    driven.world.heard = heard(firing());
    await driven.turn();
    expect(causeOf(driven)).toBeNull();
  });
});

function parsed(over: object) {
  const { alerts } = Plan.parse({ name: 'test', steps: [{ type: 'promote', bake: '60s' }], ...over });
  return alerts === undefined ? {} : { alerts };
}

describe('an alert that only holds', () => {
  it.each([
    ['because the plan says no more', holds, start + 1000, 'plan'],
    ['because it began before the rollout', back, start - 1, 'beganBefore'],
    ['because nobody knows when it began', back, null, 'beginningUnknown'],
  ])('holds %s, and lets go when it is over', async (_why, over, startsAt, only) => {
    const driven = await places.running(over);
    driven.world.heard = heard(firing({ startsAt }));
    await polls(driven, 1);
    expect(reasonOf(driven)).toMatchObject({ kind: 'alert', name: 'PaymentsErrorRate', startsAt, only });
    expect(statusReasonOf(driven.world.rollout)).toBe('alert_firing');
    await polls(driven, 30);
    expect([driven.status(), driven.world.share]).toEqual(['holding', 5]);
    driven.world.heard = nothing;
    await polls(driven, 1);
    expect(driven.status()).toBe('running');
  });

  it('is told of once, and anew when another one takes its place', async () => {
    const driven = await places.running({ alerts: [...holds.alerts, { match: { alertname: 'Other' } }] });
    driven.world.heard = heard(firing());
    await polls(driven, 3);
    const holding = () => driven.types().filter((type) => type === 'rollout.holding').length;
    expect(holding()).toBe(1);
    driven.world.heard = heard(firing({ labels: { alertname: 'Other' } }));
    await polls(driven, 3);
    expect(holding()).toBe(2);
  });

  it('keeps nobody from what a guard sends back for', async () => {
    const driven = await places.running(holds);
    driven.world.heard = heard(firing());
    driven.pods.canary = noneReady;
    await polls(driven, 2);
    expect(causeOf(driven)).toMatchObject({ kind: 'canaryUnreachable' });
  });

  it('leaves a paused rollout paused', async () => {
    const driven = await places.paused(holds);
    driven.world.heard = heard(firing());
    await polls(driven, 3);
    expect(driven.status()).toBe('paused');
  });

  it('gives way to one that rolls back, whichever was heard of first', async () => {
    const driven = await places.running({ alerts: [{ match: { alertname: 'Old' } }, ...back.alerts] });
    driven.world.heard = heard(firing({ labels: { alertname: 'Old' } }));
    await polls(driven, 1);
    driven.world.heard = heard(firing({ labels: { alertname: 'Old' } }), firing());
    await polls(driven, 1);
    expect(causeOf(driven)).toMatchObject({ kind: 'alert', name: 'PaymentsErrorRate' });
  });

  it('rolls back where one of two lines that mean it says so', async () => {
    const driven = await places.running({ alerts: [...holds.alerts, ...back.alerts] });
    driven.world.heard = heard(firing());
    await polls(driven, 1);
    expect(driven.status()).toBe('rolled_back');
  });
});

describe('an alert that the plan does not mean', () => {
  it.each([
    ['with another value', { ...match, severity: 'warning' }],
    ['without one of the labels', { alertname: 'PaymentsErrorRate' }],
    ['with the names of everything that objects have', { constructor: 'x', toString: 'y' }],
  ])('is ignored: %s', async (_what, labels) => {
    const driven = await places.running(back);
    driven.world.heard = heard(firing({ labels }));
    await polls(driven, 2);
    expect(driven.status()).toBe('running');
  });

  it('is never looked for where a plan listens to none', async () => {
    const driven = await places.running();
    driven.world.heard = heard(firing());
    await polls(driven, 2);
    expect([driven.status(), driven.world.rollout.plan.alerts]).toEqual(['running', undefined]);
  });
});

describe('alerts that cannot be read', () => {
  it('hold nobody and roll nobody back, and that is said', async () => {
    const driven = await places.running(back);
    driven.world.heard = outage;
    await polls(driven, 2);
    expect(driven.status()).toBe('running');
    expect(what(driven)).toContain(
      'not all alerts that the plan listens to can be read since 10:00:20Z, so that one more may fire: Prometheus gave no answer',
    );
    driven.world.heard = nothing;
    await polls(driven, 1);
    expect(what(driven)).not.toContain('alerts');
  });

  it('end none that fired before', async () => {
    const driven = await places.running(holds);
    driven.world.heard = heard(firing({ receivedBy: { kind: 'prometheus' } }));
    await polls(driven, 1);
    driven.world.heard = outage;
    await polls(driven, 5);
    expect(reasonOf(driven)).toMatchObject({ kind: 'alert' });
    driven.world.heard = nothing;
    await polls(driven, 1);
    expect(driven.status()).toBe('running');
  });
});

describe('whatever is heard', () => {
  const labels = fc.constantFrom<Record<string, string>>(match, { alertname: 'Other' }, {});
  const anyAlert = fc.record({
    labels,
    startsAt: fc.oneof(fc.constant(null), fc.integer({ min: start - 5000, max: start + 5000 })),
    receivedBy: fc.constantFrom<FiringAlert['receivedBy']>(alertmanager, { kind: 'prometheus' }),
  });
  const anyHeard = fc.record({
    firing: fc.array(anyAlert, { maxLength: 4 }),
    unread: fc.constantFrom<Heard['unread']>([], outage.unread),
  });

  it('no alert that began before the rollout, and no outage of a list, ever rolls back', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyHeard, { minLength: 1, maxLength: 6 }), async (all) => {
        const driven = await places.running(back);
        for (const one of all) {
          driven.world.heard = one;
          await polls(driven, 1);
        }
        const hasReason = all.some(({ firing: alerts }) =>
          alerts.some(
            (alert) => alert.labels === match && alert.startsAt !== null && alert.startsAt >= start,
          ),
        );
        expect(causeOf(driven)?.kind).toBe(hasReason ? 'alert' : undefined);
        expect(Rollout.parse(driven.world.rollout)).toEqual(driven.world.rollout);
      }),
      { numRuns: 100 },
    );
  });
});

describe('an alert that was sent and found', () => {
  it('is one, and began when the first of both says', () => {
    const sent = firing({ labels: { ...match, cluster: 'eu' } });
    const found = firing({ labels: match, startsAt: start - 60_000, receivedBy: { kind: 'prometheus' } });
    expect(heardTogether([sent], [found])).toEqual([{ ...sent, startsAt: start - 60_000 }]);
    expect(heardTogether([sent], [{ ...found, startsAt: null }])).toEqual([{ ...sent, startsAt: null }]);
  });

  it('is two when a label differs', () => {
    const found = firing({ labels: { ...match, pod: 'payments-2' }, receivedBy: { kind: 'prometheus' } });
    expect(heardTogether([firing()], [found])).toHaveLength(2);
  });
});

describe('listening', () => {
  const rollout = aRollout({ plan: { ...aRollout().plan, ...parsed(back) } });
  const never = new AbortController().signal;

  async function sources(): Promise<ReturnType<typeof settableAlerts>> {
    const received = memoryAlerts(() => start + 5000);
    const told = { fingerprint: 'a1', labels: match, startsAt: start + 1000, endsAt: null };
    await received.receive({ cluster: 'default', by: alertmanager.by, alerts: [told] });
    return { ...settableAlerts(), received };
  }

  it('hears what was sent and what Prometheus lists, and of both only what the plan means', async () => {
    const both = await sources();
    const found = [
      firing({ labels: { ...match, pod: 'p' }, receivedBy: { kind: 'prometheus' } }),
      firing({ labels: { alertname: 'Watchdog' }, receivedBy: { kind: 'prometheus' } }),
    ];
    const polled = { firing: async () => ({ kind: 'read' as const, alerts: found }) };
    const { firing: alerts, unread } = (await hearAlerts({ ...both, polled }, rollout, never)) ?? outage;
    expect(alerts.map(({ receivedBy }) => receivedBy.kind)).toEqual(['hook', 'prometheus']);
    expect(unread).toEqual([]);
  });

  it.each<[string, Partial<AlertSources>, string]>([
    ['Prometheus', { polled: { firing: async () => ({ kind: 'unread', why: 'it refused' }) } }, 'it refused'],
    ['Prometheus, which hangs', { polled: { firing: () => new Promise(() => undefined) } }, 'in time'],
    [
      'the database',
      { received: { ...memoryAlerts(() => 0), firing: () => Promise.reject(new Error('gone')) } },
      'the alerts that were sent could not be read',
    ],
  ])('goes on without %s, and says so', async (_what, broken, why) => {
    const both = { ...(await sources()), ...broken };
    const ended = new AbortController();
    setImmediate(() => ended.abort());
    const found = await hearAlerts(both, rollout, ended.signal);
    expect(found?.unread.map((one) => one.why).join()).toContain(why);
  });

  it('asks nobody for a plan that listens to nothing', async () => {
    const asked = { ...settableAlerts(), polled: { firing: () => Promise.reject(new Error('asked')) } };
    expect(await hearAlerts(asked, aRollout(), never)).toBeNull();
  });
});

describe('a plan', () => {
  const faultsOf = (alerts: unknown) => {
    const read = Plan.safeParse({ name: 'test', steps: [{ type: 'promote', bake: '60s' }], alerts });
    const said = (issue: z.core.$ZodIssue) =>
      (issue.code === 'invalid_key' ? issue.issues[0]?.message : null) ?? issue.message;
    return read.error?.issues.map((issue) => `${issue.path.join('.')}: ${said(issue)}`) ?? [];
  };

  it('holds for an alert unless it says more', () => {
    expect(parsed(holds).alerts).toEqual([{ match, then: 'hold' }]);
  });

  it.each<[unknown, string]>([
    [[{ match: {} }], 'alerts.0.match: name at least one label: nobody means every alert'],
    [[{ match: { 'a-b': 'x' } }], 'alerts.0.match.a-b: write the name of a label, such as alertname'],
    [[{ match: { constructor: 'x' } }], 'alerts.0.match.constructor: no alert has a label of this name'],
    [
      [{ match: { severity: '' } }],
      'alerts.0.match.severity: a label without a value is one that is not there: leave it out',
    ],
    [
      [{ match: { severity: 'x'.repeat(201) } }],
      'alerts.0.match.severity: a value has at most 200 characters',
    ],
    [[{ match, then: 'page' }], 'alerts.0.then: write hold or rollback'],
    [Array.from({ length: 21 }, () => ({ match })), 'alerts: a plan listens to at most 20 alerts'],
  ])('is refused where nobody can mean it (%#)', (alerts, fault) => {
    expect(faultsOf(alerts)).toEqual([fault]);
  });

  it('that was kept before it could listen listens to nothing', () => {
    expect(Rollout.parse(aRollout()).plan.alerts).toBeUndefined();
  });
});
