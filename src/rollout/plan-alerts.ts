import { z } from 'zod';

/** Of Prometheus before names could be of any characters: what every alert of a rule file has. */
const LabelName = z
  .string()
  .regex(/^[a-zA-Z_][a-zA-Z0-9_]{0,99}$/, { error: 'write the name of a label, such as alertname' })
  // Labels are looked up by this name, and every object already answers to these.
  .refine((name) => !(name in {}), { error: 'no alert has a label of this name' });

const LabelValue = z
  .string({ error: 'write the value of the label as text' })
  .min(1, { error: 'a label without a value is one that is not there: leave it out' })
  .max(200, { error: 'a value has at most 200 characters' });

const AlertRule = z.strictObject({
  match: z
    .record(LabelName, LabelValue)
    .refine((labels) => Object.keys(labels).length > 0, {
      error: 'name at least one label: nobody means every alert',
    })
    .refine((labels) => Object.keys(labels).length <= 20, { error: 'name at most 20 labels' })
    .describe('Labels and their exact values; an alert is meant when it has all of them.'),
  // biome-ignore lint/suspicious/noThenProperty: a word of plans, and never a function
  then: z
    .enum(['hold', 'rollback'], { error: 'write hold or rollback' })
    .default('hold')
    .describe(
      'What it means while it fires: hold until it is over, or roll back. One that began before this rollout, or whose beginning is not known, only holds.',
    ),
});

/** Alerts that a plan listens to. */
export const Alerts = z
  .array(AlertRule)
  .max(20, { error: 'a plan listens to at most 20 alerts' })
  .describe(
    'Alerts that are listened to, as Alertmanager sends them to `POST /v1/hooks/alertmanager` and as Prometheus lists them.',
  );
export type Alerts = z.infer<typeof Alerts>;
