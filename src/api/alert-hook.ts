import { z } from 'zod';
import { quoted } from '../known-names.ts';
import type { AlertService } from '../rollout/alert-service.ts';
import type { ClusterUnknown } from '../rollout/locate.ts';
import { KubernetesName } from '../rollout/units.ts';
import { AlertmanagerHook, TakenAlertsOnWire, toldFrom } from './alert-wire.ts';
import { actorOf } from './authenticate.ts';
import { negotiate } from './negotiate.ts';
import { ProblemError } from './problem.ts';
import { type ApiServer, json } from './route.ts';
import { untouched } from './wire-parts.ts';

/** Alertmanager leaves nothing out unless `max_alerts` says so. */
const mostBytes = 1024 * 1024;

const schema = {
  operationId: 'takeAlerts',
  summary: 'Take alerts from an Alertmanager',
  description:
    'For `webhook_configs` of an Alertmanager. Plans that listen to one of these alerts hold while it fires, or roll back when the plan says so and the alert began after the rollout. Sending the same alert again changes nothing; `resolved` ends it, and so does not repeating it for 12 hours. A body has at most 1 MB.',
  tags: ['alerts'],
  querystring: z.strictObject({
    cluster: KubernetesName.optional().describe('Whose alerts they are; may be left out where there is one.'),
  }),
  body: AlertmanagerHook,
  response: { 202: json('They were written down.', TakenAlertsOnWire) },
};

const example = {
  version: '4',
  status: 'firing',
  receiver: 'canaryd',
  alerts: [
    {
      status: 'firing',
      labels: { alertname: 'PaymentsErrorRate', namespace: 'payments', severity: 'critical' },
      annotations: { summary: 'payments answers with errors' },
      startsAt: '2026-01-05T12:00:00.000Z',
      endsAt: '0001-01-01T00:00:00Z',
      fingerprint: '9b3bd4b1f1a0c2de',
    },
  ],
};

/** `POST /v1/hooks/alertmanager`. */
export function alertHookRoute(app: ApiServer, alerts: AlertService): void {
  app.route({
    method: 'POST',
    url: '/v1/hooks/alertmanager',
    bodyLimit: mostBytes,
    config: {
      problems: [
        'forbidden-key',
        'not-acceptable',
        'payload-too-large',
        'unsupported-media-type',
        'validation-error',
        'cluster-unknown',
      ],
      bodyExample: example,
    },
    schema,
    handler: async (request, reply) => {
      negotiate(request.headers.accept, ['application/json']);
      const told = request.body.alerts.map(toldFrom);
      const answer = await alerts.receive(request.query.cluster ?? null, told, actorOf(request));
      if (answer.kind === 'clusterUnknown') throw clusterProblem(answer);
      const { cluster, alerts: received, isNew } = answer;
      return reply.code(202).send({ cluster, received, new: isNew });
    },
  });
}

function clusterProblem({ asked, clusters }: ClusterUnknown): ProblemError {
  const names = quoted(clusters);
  const what = asked === null ? 'is missing, but there are several' : 'is no cluster of this canaryd';
  const detail = `The cluster ${what}. Clusters here: ${names}. No alert was taken.`;
  const mend = `write ?cluster= and one of ${names} behind the address`;
  const errors = [{ pointer: 'cluster', code: 'cluster-unknown', detail: mend }];
  const explanation = untouched(detail, `In Alertmanager's webhook_configs, ${mend}.`);
  return new ProblemError('cluster-unknown', detail, { errors, explanation });
}
