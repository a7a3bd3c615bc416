import { z } from 'zod';
import type { ToldAlert } from '../rollout/ports/alerts.ts';

const Instant = z.iso.datetime({
  offset: true,
  error: 'write an instant of RFC 3339, such as 2026-01-05T12:00:00Z',
});

const AlertOnHook = z
  .looseObject({
    status: z.enum(['firing', 'resolved'], { error: 'write firing or resolved' }),
    labels: z.record(z.string().max(1000), z.string().max(10_000)),
    annotations: z.record(z.string(), z.string()).optional().describe('Not kept.'),
    startsAt: Instant.describe('When it began to fire.'),
    endsAt: Instant.optional().describe('When it was resolved; of no meaning while it fires.'),
    fingerprint: z
      .string()
      .regex(/^[A-Za-z0-9]{1,64}$/, { error: 'a fingerprint has 1 to 64 of A-Z, a-z and 0-9' })
      .describe('The same for the same labels.'),
  })
  .refine(({ status, endsAt }) => status === 'firing' || endsAt !== undefined, {
    path: ['endsAt'],
    error: 'say when it was resolved',
  });

/**
 * What an Alertmanager posts.
 * Source: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
 */
export const AlertmanagerHook = z
  .looseObject({
    version: z.literal('4', { error: 'only version "4" of the payload is understood' }),
    truncatedAlerts: z.int().min(0).optional().describe('Alerts that it left out, by its `max_alerts`.'),
    alerts: z.array(AlertOnHook).max(1000, { error: 'send at most 1000 alerts at a time (max_alerts)' }),
  })
  .meta({
    id: 'AlertmanagerHook',
    description: "The payload of Alertmanager's webhook, version 4; fields that are not named are ignored.",
  });

export const TakenAlertsOnWire = z
  .object({
    cluster: z.string().describe('Whose alerts they are.'),
    received: z.int(),
    new: z.int().describe('Those that nobody had told of before.'),
  })
  .meta({ id: 'TakenAlerts', description: 'What was written down.' });

type Alert = z.output<typeof AlertmanagerHook>['alerts'][number];

/** An alert as the core knows it. */
export function toldFrom({ status, labels, startsAt, endsAt, fingerprint }: Alert): ToldAlert {
  // While it fires, Alertmanager writes an end that was never reached.
  const isOver = status === 'resolved' && endsAt !== undefined;
  return {
    fingerprint,
    labels,
    startsAt: Date.parse(startsAt),
    endsAt: isOver ? Date.parse(endsAt) : null,
  };
}
