import { describe, expect, it } from 'vitest';
import { AppError } from '../../src/errors.ts';
import { alertService } from '../../src/rollout/alert-service.ts';
import { memoryAlerts } from '../fakes/alerts.ts';
import { api, ask, ciToken, problemOf, slugOf } from './api.ts';
import { now } from './rollouts.ts';

const url = '/v1/hooks/alertmanager';
const labels = { alertname: 'PaymentsErrorRate', severity: 'critical' };
const alert = {
  status: 'firing',
  labels,
  annotations: { summary: 'payments answers with errors' },
  startsAt: '2026-01-05T09:59:00.123456789Z',
  endsAt: '0001-01-01T00:00:00Z',
  generatorURL: 'http://prometheus.example/graph',
  fingerprint: '9b3bd4b1f1a0c2de',
};
const resolved = { ...alert, status: 'resolved', endsAt: '2026-01-05T10:04:00Z' };
const startsAt = Date.parse('2026-01-05T09:59:00.123Z');

/** What Alertmanager sends beside its alerts. */
function payload(...alerts: object[]) {
  return {
    version: '4',
    groupKey: '{}:{alertname="PaymentsErrorRate"}',
    truncatedAlerts: 0,
    status: 'firing',
    receiver: 'canaryd',
    groupLabels: { alertname: 'PaymentsErrorRate' },
    commonLabels: labels,
    commonAnnotations: {},
    externalURL: 'http://alertmanager.example',
    alerts,
  };
}

function hook(clusters = ['default']) {
  const received = memoryAlerts(() => now);
  const app = api({ alerts: alertService({ received, clusters }) });
  const post = (body: object, to = url) =>
    ask(app, { method: 'POST', url: to, payload: body, headers: { authorization: `Bearer ${ciToken}` } });
  const firing = (cluster = 'default') => received.firing(cluster, [{ alertname: 'PaymentsErrorRate' }]);
  return { app, post, firing };
}

describe('the hook for Alertmanager', () => {
  it('takes an alert, and says how many are new', async () => {
    const { post, firing } = hook();
    const response = await post(payload(alert));
    expect([response.statusCode, response.json()]).toEqual([
      202,
      { cluster: 'default', received: 1, new: 1 },
    ]);
    const by = { kind: 'machine', name: 'github:acme/payments' };
    expect(await firing()).toEqual([{ labels, startsAt, receivedBy: { kind: 'hook', by } }]);
  });

  it('takes the same alert again as nothing new', async () => {
    const { post, firing } = hook();
    await post(payload(alert));
    expect((await post(payload(alert, alert))).json()).toMatchObject({ received: 2, new: 0 });
    expect(await firing()).toHaveLength(1);
  });

  it('ends an alert that is resolved', async () => {
    const { post, firing } = hook();
    await post(payload(alert));
    expect((await post(payload(resolved))).statusCode).toBe(202);
    expect(await firing()).toEqual([]);
  });

  it('takes no alert at all for what it is', async () => {
    expect((await hook().post(payload())).json()).toMatchObject({ received: 0, new: 0 });
  });

  it.each([
    ['no token', {}],
    ['a token that nobody has', { authorization: 'Bearer nobodys-token-0123456789' }],
  ])('takes nothing with %s', async (_what, headers) => {
    const { app, firing } = hook();
    const response = await app.inject({ method: 'POST', url, payload: payload(alert), headers });
    expect([slugOf(response), await firing()]).toEqual(['unauthenticated', []]);
  });

  it.each<[string, object, string, string]>([
    ['another version', { ...payload(alert), version: '3' }, '/version', 'only version "4" of the payload'],
    ['no alerts', { version: '4' }, '/alerts', 'is missing'],
    [
      'an unknown status',
      payload({ ...alert, status: 'silenced' }),
      '/alerts/0/status',
      'firing or resolved',
    ],
    ['no labels', payload(alert, { ...alert, labels: undefined }), '/alerts/1/labels', 'is missing'],
    ['a label that is no text', payload({ ...alert, labels: { a: 1 } }), '/alerts/0/labels/a', ''],
    ['no beginning', payload({ ...alert, startsAt: 'yesterday' }), '/alerts/0/startsAt', 'RFC 3339'],
    [
      'an end without its time',
      payload({ ...resolved, endsAt: undefined }),
      '/alerts/0/endsAt',
      'say when it was resolved',
    ],
    ['no fingerprint', payload({ ...alert, fingerprint: '' }), '/alerts/0/fingerprint', 'a fingerprint has'],
    [
      'more than 1000 alerts',
      payload(...Array.from({ length: 1001 }, () => ({ ...alert, annotations: {} }))),
      '/alerts',
      'at most 1000',
    ],
  ])('refuses %s, names the field and takes none of the rest', async (_what, body, pointer, said) => {
    const { post, firing } = hook();
    const problem = problemOf(await post(body));
    expect(problem).toMatchObject({ status: 422, type: '/problems/validation-error' });
    expect(problem.errors).toMatchObject([{ pointer, detail: expect.stringContaining(said) }]);
    expect(await firing()).toEqual([]);
  });

  it('takes a thousand alerts, more than other bodies may be', async () => {
    const many = Array.from({ length: 1000 }, (_, at) => ({ ...alert, fingerprint: `f${at}` }));
    expect((await hook().post(payload(...many))).json()).toMatchObject({ received: 1000, new: 1000 });
  });

  it('refuses a body of more than 1 MB', async () => {
    const large = { ...alert, annotations: { summary: 'x'.repeat(1024 * 1024) } };
    const { post, firing } = hook();
    const response = await post(payload(large));
    expect([slugOf(response), await firing()]).toEqual(['payload-too-large', []]);
  });

  it('takes alerts of the cluster that is named, and of none that is not known', async () => {
    const { post, firing } = hook(['eu', 'us']);
    expect((await post(payload(alert), `${url}?cluster=us`)).json()).toMatchObject({ cluster: 'us' });
    expect([await firing('eu'), (await firing('us')).length]).toEqual([[], 1]);
    for (const asked of ['', '?cluster=asia']) {
      const problem = problemOf(await post(payload(alert), `${url}${asked}`));
      expect([problem.type, problem.errors?.[0]?.pointer]).toEqual(['/problems/cluster-unknown', 'cluster']);
    }
  });

  it('refuses a query that it does not know', async () => {
    expect(slugOf(await hook().post(payload(alert), `${url}?clustr=eu`))).toBe('malformed-request');
  });

  it('says that it could not take them when the database is away: Alertmanager sends them again', async () => {
    const lost = async () => {
      throw new AppError('databaseUnavailable', 'the database cannot be reached');
    };
    const app = api({ alerts: { receive: lost } });
    const response = await ask(app, { method: 'POST', url, payload: payload(alert) });
    expect([response.statusCode, slugOf(response)]).toEqual([503, 'database-unavailable']);
  });
});
