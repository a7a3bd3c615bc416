import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { budgetsLeft } from '../../src/readiness/alerts/error-budgets.ts';
import { nothingFires } from '../../src/readiness/alerts/firing.ts';
import { hidingOf } from '../../src/readiness/alerts/hiding.ts';
import { limitsAreStricter } from '../../src/readiness/alerts/limits.ts';
import { isMet } from '../../src/readiness/alerts/pattern.ts';
import { rulesWatch } from '../../src/readiness/alerts/rules.ts';
import { nothingIsSilenced } from '../../src/readiness/alerts/silences.ts';
import { targetOf } from '../../src/readiness/alerts/target.ts';
import { openWork } from '../../src/readiness/alerts/work.ts';
import { alertChecks } from '../../src/readiness/alerts.ts';
import type { AlertRule, ErrorBudget, FiringAlert, Silence } from '../../src/readiness/snapshot.ts';
import * as bank from './bank-objects.ts';
import { healthy, judged, noon, read, unread } from './healthy.ts';

function rule(changes: Partial<AlertRule> = {}): AlertRule {
  return {
    group: 'payment-service',
    name: 'PaymentServiceErrors',
    query:
      'sum(rate(istio_requests_total{destination_service_name="payment-service",response_code=~"5.."}[5m])) / sum(rate(istio_requests_total{destination_service_name="payment-service"}[5m])) > 0.01',
    labels: { severity: 'critical', service: 'payment-service' },
    health: 'ok',
    lastError: null,
    lastEvaluation: noon - 10_000,
    interval: 30,
    ...changes,
  };
}

const withRules = (...rules: AlertRule[]) => healthy({ alertRules: read(rules) });

function firing(labels: Record<string, string>, changes: Partial<FiringAlert> = {}) {
  const alert = {
    name: 'PaymentErrors',
    labels,
    state: 'firing' as const,
    since: noon - 600_000,
    ...changes,
  };
  return healthy({ alerts: read([alert]) });
}

type Matchers = Silence['matchers'];

function silenced(matchers: Matchers, changes: Partial<Silence> = {}) {
  const silence = {
    id: 'b3ede22e-ca14-4aa0-932c-ca2f3445f926',
    matchers,
    endsAt: noon + 3_600_000,
    createdBy: 'ana',
    comment: 'too noisy',
    ...changes,
  };
  return healthy({ silences: read([silence]) });
}

const is = (name: string, value: string) => ({ name, value, isRegex: false, isEqual: true });
const like = (name: string, value: string) => ({ name, value, isRegex: true, isEqual: true });

describe('every check of alerts', () => {
  it('passes on a healthy target and says what it saw', () => {
    const found = alertChecks.flatMap((check) => check.run(healthy()));
    expect(found.map(({ id, result, read: seen }) => ({ id, result, seen }))).toEqual([
      {
        id: 'PF-AL-01',
        result: 'pass',
        seen: '2 alert rules watch payment-prod/payment-service and are evaluated: PaymentServiceErrors, PaymentServiceSlow',
      },
      {
        id: 'PF-AL-02',
        result: 'pass',
        seen: 'alerts that fire: 1; none of them is critical and on payment-prod/payment-service',
      },
      { id: 'PF-AL-03', result: 'pass', seen: 'there is no active silence' },
      {
        id: 'PF-AL-04',
        result: 'pass',
        seen: 'the limits of the plan are as strict as PaymentServiceErrors, PaymentServiceSlow',
      },
      { id: 'PF-AL-05', result: 'skip', seen: 'the plan names no error budget' },
    ]);
  });

  it('is unknown when nothing could be read', () => {
    const gone = unread('connection refused');
    const dark = healthy({ alertRules: gone, alerts: gone, silences: gone, errorBudgets: gone });
    const found = alertChecks.flatMap((check) => check.run(dark));
    expect(new Set(found.map(({ result }) => result))).toEqual(new Set(['unknown']));
    expect(new Set(found.map(({ id }) => id)).size).toBe(5);
  });
});

describe('PF-AL-01', () => {
  it('warns when no rule watches the service', () => {
    const other = rule({
      query: 'up{job="ledger-service"} == 0',
      labels: { severity: 'critical', service: 'ledger-service' },
    });
    expect(judged(rulesWatch, withRules(other))).toEqual([
      {
        result: 'fail',
        severity: 'warn',
        priority: 'P1',
        again: false,
        read: 'alert rules that Prometheus has: 1; none watches payment-prod/payment-service',
        means: 'nobody would be told if v2 hurts users in a way that the checks of the plan do not measure',
        mend: 'add rules for its errors and its latency, or one for all services by (destination_service_namespace, destination_service_name); what there is: kubectl get prometheusrules -A',
      },
    ]);
  });

  it.each([
    [{ health: 'err', lastError: 'many-to-many matching' }, 'fails: many-to-many matching'],
    [{ health: 'unknown', lastEvaluation: null }, 'was never evaluated'],
    [
      { lastEvaluation: noon - 600_000 },
      'was last evaluated 10 min ago; every 30 s is its interval, and 2 min the limit',
    ],
  ])('warns of a rule that is not evaluated: %o', (changes, words) => {
    expect(judged(rulesWatch, withRules(rule(changes)))).toMatchObject([
      {
        severity: 'warn',
        read: `alert rule PaymentServiceErrors (group payment-service) for payment-prod/payment-service ${words}`,
        means: 'it would not fire during the rollout, whatever happens',
      },
    ]);
  });

  it('counts one rule for every service, by namespace or by service', () => {
    const query = 'sum by (namespace) (rate(http_requests_total{code=~"5.."}[5m])) > 1';
    expect(judged(rulesWatch, withRules(rule({ query, labels: { severity: 'page' } })))).toMatchObject([
      { result: 'pass' },
    ]);
  });

  it('counts a rule that names the service by an expression, and none of another namespace', () => {
    const query = (namespace: string) =>
      `rate(istio_requests_total{destination_service_name=~"(payment|order)-service",destination_service_namespace="${namespace}"}[5m]) > 9`;
    const found = (namespace: string) =>
      judged(rulesWatch, withRules(rule({ query: query(namespace), labels: {} })));
    expect(found('payment-prod')).toMatchObject([{ result: 'pass' }]);
    expect(found('payment-test')).toMatchObject([{ severity: 'warn' }]);
  });

  it('gives a command that can be pasted, whatever quotes the query has', () => {
    const query = `up{service='payment-service'} == 0`;
    const [found] = judged(rulesWatch, withRules(rule({ query, health: 'err' })));
    expect(found?.['mend']).toContain(
      `promtool query instant <address> 'up{service='\\''payment-service'\\''} == 0'; its state`,
    );
  });

  it('is unknown when the rules are in a ruler elsewhere', () => {
    expect(judged(rulesWatch, withRules())).toMatchObject([{ result: 'unknown' }]);
  });
});

describe('PF-AL-02', () => {
  it('refuses to move traffic while a critical alert fires on the service', () => {
    const snapshot = firing({ alertname: 'PaymentErrors', severity: 'critical', service: 'payment-service' });
    expect(judged(nothingFires, snapshot)).toEqual([
      {
        result: 'fail',
        severity: 'error',
        priority: 'P1',
        again: true,
        read: 'alert PaymentErrors (critical) fires on payment-prod/payment-service for 10 min: service=payment-service, severity=critical',
        means:
          'payment-prod/payment-service has a fault already: more traffic for v2 would add to it, and what the checks compare with is not stable at its best',
        mend: 'deal with the alert first, and start when it is over; all that fire: amtool alert query --alertmanager.url=<address> \'alertname="PaymentErrors"\'',
      },
    ]);
  });

  it.each([
    { namespace: 'payment-prod', deployment: 'payment-service-v2', service: 'kube-state-metrics' },
    { namespace: 'payment-prod', pod: bank.podNames('v2')[0] ?? '' },
    { namespace: 'payment-prod' },
    { namespace: 'payment-prod', container: 'istio-proxy' },
    { namespace: 'payment-prod', pod: bank.podNames('v2')[0] ?? '', container: 'somebody-elses' },
    { destination_service: 'payment-service.payment-prod.svc.cluster.local' },
  ])('knows the service by %o', (labels) => {
    expect(judged(nothingFires, firing({ ...labels, severity: 'critical' }))).toMatchObject([
      { severity: 'error', result: 'fail' },
    ]);
  });

  it.each([
    { severity: 'none' },
    { severity: 'critical' },
    { severity: 'critical', namespace: 'payment-test', service: 'payment-service' },
    { severity: 'critical', namespace: 'payment-prod', service: 'ledger-service' },
    { severity: 'critical', namespace: 'payment-prod', pod: 'payment-service-admin-5c6d-x1' },
    { severity: 'critical', namespace: 'payment-prod', job_name: 'nightly-report' },
    { severity: 'critical', namespace: 'payment-prod', cronjob: 'nightly-report' },
    { severity: 'critical', namespace: 'payment-prod', daemonset: 'node-agent' },
    { severity: 'critical', namespace: 'payment-prod', persistentvolumeclaim: 'data-ledger-0' },
    { severity: 'critical', namespace: 'payment-prod', container: 'ledger' },
    { severity: 'critical', namespace: 'payment-prod', container: 'istio-proxy', pod: 'ledger-5c6d-x1' },
    { severity: 'warning', service: 'payment-service' },
  ])('is not stopped by the Watchdog or by labels that are not the target: %o', (labels) => {
    expect(judged(nothingFires, firing(labels, { name: 'Watchdog' }))).toMatchObject([{ result: 'pass' }]);
  });

  it('is not stopped by an alert that is only pending', () => {
    const pending = firing({ severity: 'critical', service: 'payment-service' }, { state: 'pending' });
    expect(judged(nothingFires, pending)).toMatchObject([{ result: 'pass' }]);
  });

  it('shows at most 200 characters of what others named it, on one line', () => {
    const labels = { severity: 'critical', service: 'payment-service', note: 'x'.repeat(5000) };
    const [found] = judged(nothingFires, firing(labels, { name: `It's\n${'y'.repeat(5000)}` }));
    expect(found).toMatchObject({
      severity: 'error',
      read: expect.stringMatching(/^alert It's y+… \(critical\)/),
    });
    expect(JSON.stringify(found).length).toBeLessThan(1500);
    expect(found?.['mend']).toMatch(/'alertname="It'\\''s y+…"'$/);
  });

  it('tells five alerts and how many more there are', () => {
    const alerts = Array.from({ length: 8 }, (_, index) => ({
      name: `Alert${index}`,
      labels: { severity: 'critical', service: 'payment-service' },
      state: 'firing' as const,
      since: null,
    }));
    const found = judged(nothingFires, healthy({ alerts: read(alerts) }));
    expect(found).toHaveLength(5);
    expect(found[4]?.['read']).toContain('3 more');
  });
});

describe('PF-AL-03', () => {
  it('warns of a silence that hides alerts of the service', () => {
    expect(judged(nothingIsSilenced, silenced([is('service', 'payment-service')]))).toMatchObject([
      {
        severity: 'warn',
        read: 'silence b3ede22e-ca14-4aa0-932c-ca2f3445f926 of ana hides alerts of payment-prod/payment-service until 2026-11-23 13:00Z: "too noisy" (service="payment-service")',
        means: 'for 60 min nobody is told by these alerts what v2 does to users',
        mend: 'end it: amtool silence expire --alertmanager.url=<address> b3ede22e-ca14-4aa0-932c-ca2f3445f926; or start after 2026-11-23 13:00Z',
      },
    ]);
  });

  it.each<[string, Matchers]>([
    ['its namespace', [is('namespace', 'payment-prod')]],
    ['an expression', [like('destination_service_name', 'payment-.*')]],
    ['the name of its rule', [is('alertname', 'PaymentServiceSlow')]],
    ['all that is critical', [is('severity', 'critical')]],
    ['all but another namespace', [{ ...is('namespace', 'test'), isEqual: false }]],
  ])('sees a silence of %s', (_what, matchers) => {
    expect(judged(nothingIsSilenced, silenced(matchers))).toMatchObject([
      { result: 'fail', severity: 'warn' },
    ]);
  });

  it.each<[string, Matchers]>([
    ['another service of the namespace', [is('namespace', 'payment-prod'), is('service', 'ledger-service')]],
    ['the namespace of another', [is('namespace', 'ledger-prod')]],
    ['a lesser severity', [is('alertname', 'PaymentServiceSlow'), is('severity', 'warning')]],
    ['an alert that is none of its own', [is('alertname', 'Watchdog')]],
    ['all but itself', [{ ...is('service', 'payment-service'), isEqual: false }]],
  ])('does not mind a silence of %s', (_what, matchers) => {
    expect(judged(nothingIsSilenced, silenced(matchers))).toMatchObject([{ result: 'pass' }]);
  });

  it('only tells of a silence for planned maintenance', () => {
    const planned = silenced([is('namespace', 'payment-prod')], { comment: 'planned maintenance CHG0042' });
    expect(judged(nothingIsSilenced, planned)).toMatchObject([{ result: 'fail', severity: 'info' }]);
  });

  it.each([
    ['alertname', '(Payment|Order)Service.*'],
    ['service', '(?i)payment.*'],
    ['service', 'payment(-service)?'],
    ['severity', '[cw].*'],
  ])('is unknown, and names the silence, where %s=~"%s" is not understood', (name, value) => {
    const [found, ...more] = judged(nothingIsSilenced, silenced([like(name, value)]));
    expect(more).toEqual([]);
    expect(found).toEqual({
      result: 'unknown',
      priority: 'P1',
      again: false,
      severity: 'warn',
      read: `silences that may hide alerts of payment-prod/payment-service: b3ede22e-ca14-4aa0-932c-ca2f3445f926 (${name}=~"${value}"); an expression in them is none that canaryd understands`,
      mend: 'see what they hide: amtool silence query --alertmanager.url=<address>; an expression of names, "|", ".*" and ".+" is understood',
    });
  });

  it('does not mind what it does not understand of a silence of another', () => {
    const matchers = [like('alertname', '(a+)+b'), is('namespace', 'ledger-prod')];
    expect(judged(nothingIsSilenced, silenced(matchers))).toMatchObject([{ result: 'pass' }]);
  });

  it('is unknown where no rule of the service is known to compare with, unless the silence is of another', () => {
    const elsewhere = (...matchers: Matchers) =>
      judged(nothingIsSilenced, { ...silenced(matchers), alertRules: read([]) });
    for (const matcher of [is('alertname', 'PaymentServiceSlow'), is('severity', 'critical')]) {
      expect(elsewhere(matcher)).toMatchObject([
        {
          result: 'unknown',
          read: expect.stringMatching(/b3ede22e.*Prometheus has no rule of the service to compare with$/),
        },
      ]);
    }
    expect(elsewhere(is('namespace', 'payment-prod'))).toMatchObject([{ result: 'fail', severity: 'warn' }]);
    expect(elsewhere(is('alertname', 'Slow'), is('service', 'ledger'))).toMatchObject([{ result: 'pass' }]);
  });

  it('tells of those that hide alerts beside those that it cannot judge', () => {
    const [one, other] = [
      silenced([is('namespace', 'payment-prod')]),
      silenced([like('severity', '[cw].*')]),
    ];
    const both = [one, other].flatMap(({ silences }) => (silences.kind === 'read' ? silences.value : []));
    expect(judged(nothingIsSilenced, healthy({ silences: read(both) }))).toMatchObject([
      { result: 'fail' },
      { result: 'unknown' },
    ]);
  });

  it('shows at most 200 characters of who made it, why and what it holds for', () => {
    const long = 'a '.repeat(5000);
    const snapshot = silenced([is('namespace', 'payment-prod'), is('team', long)], {
      createdBy: long,
      comment: long,
    });
    const [found] = judged(nothingIsSilenced, snapshot);
    expect(found).toMatchObject({ result: 'fail', severity: 'warn' });
    expect(JSON.stringify(found).length).toBeLessThan(1500);
  });

  it('does not mind a silence that has ended', () => {
    expect(
      judged(nothingIsSilenced, silenced([is('namespace', 'payment-prod')], { endsAt: noon })),
    ).toMatchObject([{ result: 'pass' }]);
  });
});

describe('the work that silences take', () => {
  const pods = Array.from({ length: 30 }, (_, index) => `payment-service-v1-7d9c8b6f5d-${index}`);
  const known = new Map([['pod', new Set(pods)]]);
  const rules = Array.from({ length: 50 }, (_, index) => rule({ name: `Rule${index}` }));
  const many = (alternative: (index: number) => string) =>
    Array.from({ length: 50 }, (_, index) => ({
      id: String(index),
      matchers: [like('pod', Array.from({ length: 200 }, (_other, at) => alternative(at)).join('|'))],
      endsAt: noon + 1,
      createdBy: 'ana',
      comment: '',
    }));
  const target = (work = openWork()) => ({ name: 'payment-prod/payment-service', known, work });

  it('is that of reading each once, however many rules and pods there are', () => {
    const silences = many((index) => `order-service-${index}`);
    const characters = silences
      .flatMap(({ matchers }) => matchers)
      .reduce((sum, { value }) => sum + value.length, 0);
    const ours = target();
    expect(new Set(hidingOf(silences, rules, ours).map(({ hiding }) => hiding))).toEqual(new Set(['no']));
    expect(ours.work.spent()).toBeLessThan(characters + 50 * (rules.length + 1 + pods.length) + 1);
  });

  it('is bounded, and what is left over is not known', () => {
    const ours = target(openWork(100_000));
    const silences = many((index) => `order.*-${index}`);
    const found = hidingOf(silences, rules, ours).map(({ hiding }) => hiding);
    expect([found[0], found.at(-1)]).toEqual(['perhaps', 'perhaps']);
    expect(ours.work.spent()).toBeLessThanOrEqual(100_000);
  });

  it('is said to be too much where it is', () => {
    const silences = Array.from({ length: 60 }, () => many((index) => `.*order-service.*-${index}`)).flat();
    const snapshot = healthy({ silences: read(silences) });
    expect(judged(nothingIsSilenced, snapshot)).toMatchObject([
      {
        result: 'unknown',
        read: expect.stringMatching(/and \d+ more; they are more, or longer, than canaryd/),
      },
    ]);
  });

  it('of a check begins anew', () => {
    const { subject } = healthy();
    const [one, other] = [targetOf(subject, bank.pods), targetOf(subject, bank.pods)];
    one.work.spend(Number.POSITIVE_INFINITY);
    expect([one.work.isSpent(), other.work.isSpent()]).toEqual([true, false]);
  });
});

describe('PF-AL-04', () => {
  const errors = (threshold: string) => rule({ query: rule().query.replace('> 0.01', threshold) });

  it('tells of a limit that lets people be paged before canaryd goes back', () => {
    expect(judged(limitsAreStricter, withRules(errors('> 0.005')))).toMatchObject([
      {
        severity: 'info',
        read: 'check errorRate allows 1 %, and alert PaymentServiceErrors pages above 0.5 %',
        means: 'people are woken because of v2 before canaryd turns it back',
        mend: 'in the plan, set the limit of check errorRate to at most 0.5 %',
      },
    ]);
  });

  it.each([
    ['* 100 > 1', 'pass'],
    ['* 100 > 0.5', 'fail'],
    ['> 5', 'pass'],
  ])('reads percent and ratios alike: %s', (threshold, result) => {
    expect(judged(limitsAreStricter, withRules(errors(threshold)))).toMatchObject([{ result }]);
  });

  it.each([
    ['istio_request_duration_milliseconds_bucket', '> 1000', 'pass'],
    ['istio_request_duration_milliseconds_bucket', '> 999', 'fail'],
    ['http_request_duration_seconds_bucket', '> 0.5', 'fail'],
    ['http_request_duration_seconds_bucket', '> 1', 'pass'],
  ])('reads seconds and milliseconds alike: %s %s', (metric, threshold, result) => {
    const query = `histogram_quantile(0.99, sum by (le) (rate(${metric}{service="payment-service"}[5m]))) ${threshold}`;
    expect(judged(limitsAreStricter, withRules(rule({ query })))).toMatchObject([{ result }]);
  });

  it('does not apply where no threshold can be read, or where the alert pages nobody', () => {
    const two = errors('> 0.005 and sum(rate(istio_requests_total[5m])) > 1');
    expect(judged(limitsAreStricter, withRules(two))).toMatchObject([{ result: 'skip' }]);
    const lesser = { ...errors('> 0.005'), labels: { severity: 'warning', service: 'payment-service' } };
    expect(judged(limitsAreStricter, withRules(lesser))).toMatchObject([{ result: 'skip' }]);
  });
});

describe('a matcher', () => {
  const met = (value: string, text: string) => isMet(like('service', value), new Set([text]), openWork());

  it('is anchored, and says nothing of an expression that it does not understand', () => {
    expect(met('payment', 'payment-service')).toBe(false);
    expect(met('payment.*|order', 'payment-service')).toBe(true);
    expect(met('^(?:payment-service|order)$', 'order')).toBe(true);
    expect(met('a\\.b', 'axb')).toBe(false);
    expect(met('(a+)+b', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa')).toBe(null);
  });

  it('takes any number of wildcards, and answers expressions that would hold up others', () => {
    expect(met('pay.*-.*er.*ce.*', 'payment-service')).toBe(true);
    expect(met('payment.service', 'payment-service')).toBe(true);
    expect(met('payment-service.+', 'payment-service')).toBe(false);
    expect(met('payment-[.]service|pay.+', 'payment-service')).toBe(true);
    expect(met(`${'a.*'.repeat(1000)}b`, 'a'.repeat(2000))).toBe(false);
    expect(met('a'.repeat(40_000), 'a'.repeat(40_000))).toBe(null);
  });

  it('never takes a plain value for an expression', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (value, other) => {
        expect(isMet(is('service', value), new Set([other]), openWork())).toBe(value === other);
      }),
      { numRuns: 200 },
    );
  });

  it('never throws for what somebody wrote', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (source, text) => {
        expect([true, false, null]).toContain(met(source, text));
      }),
      { numRuns: 200 },
    );
  });
});

describe('PF-AL-05', () => {
  const query = 'slo:error_budget_remaining:ratio{service="payment-service"}';
  const budgets = (...all: Partial<ErrorBudget>[]) =>
    healthy({ errorBudgets: read(all.map((one) => ({ query, left: 0.42, min: 0.1, ...one }))) });

  it('passes while enough of the budget is left', () => {
    expect(judged(budgetsLeft, budgets({}))).toMatchObject([
      { result: 'pass', read: `${query} has 42 % left of the 10 % that it needs` },
    ]);
  });

  it('blocks when less is left than the plan asks for', () => {
    expect(judged(budgetsLeft, budgets({ left: 0.034 }))).toEqual([
      {
        result: 'fail',
        severity: 'error',
        priority: 'P1',
        again: false,
        read: `the error budget ${query} has 3.4 % left; 10 % is the least`,
        means:
          'users have had more failures than they were promised, or nearly: whatever v2 adds comes on top',
        mend: `wait until it has recovered, or agree on the risk and waive PF-AL-05 with the reason; to see it over time, ask Prometheus for ${query}`,
      },
    ]);
  });

  it.each([
    [0.1, 0.1, 'pass'],
    [0.0999, 0.1, 'fail'],
    [0.0001, 0, 'pass'],
    [0, 0, 'fail'],
    [Number.NaN, 0, 'fail'],
  ])('with %s left of a least of %s: %s', (left, min, result) => {
    expect(judged(budgetsLeft, budgets({ left, min }))).toMatchObject([{ result }]);
  });

  it('says by how much a budget is overspent, and that one has no value', () => {
    expect(judged(budgetsLeft, budgets({ left: -0.25 }, { left: null }))).toMatchObject([
      { severity: 'error', read: `the error budget ${query} is overspent by 25 %; 10 % is the least` },
      {
        severity: 'error',
        read: `the error budget ${query} has no value`,
        means: 'nobody knows whether there is anything left of what users were promised',
      },
    ]);
  });
});
