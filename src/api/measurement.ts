import { z } from 'zod';
import { limitIn } from '../rollout/plan-parts.ts';
import type { MeasuredPoll } from '../rollout/ports/live.ts';
import type { Rollout } from '../rollout/rollout.ts';
import { CheckOnWire } from './check-wire.ts';
import { renderReading } from './render-rollout.ts';
import { unitOf } from './unit-of.ts';
import { Timestamp, timestamp } from './wire-parts.ts';

const { metric, unit, verdict, canary, stable } = CheckOnWire.shape;

/** What one poll measured for one check. */
export const MeasurementOnWire = z
  .object({
    at: Timestamp.describe('The instant at which all queries of the poll were evaluated.'),
    step: z.int().nullable().describe('The step it stood in, counted from 0; null where it was not kept.'),
    weight: z.number().nullable().describe("The canary's applied share then, in percent."),
    check: z.string(),
    metric,
    unit,
    limit: z.number(),
    verdict: verdict.describe('Null where it was not kept, and when the canary had no traffic.'),
    failuresInARow: z.int().nullable(),
    canary: canary.unwrap(),
    stable: stable.unwrap(),
  })
  .meta({ id: 'Measurement' });
export type MeasurementOnWire = z.output<typeof MeasurementOnWire>;

/** The rows of one poll: one for each check of the plan that it measured, or for the one that is asked for. */
export function renderPoll(
  checks: Rollout['plan']['checks'],
  poll: MeasuredPoll,
  only: string | undefined,
): MeasurementOnWire[] {
  return Object.entries(poll.checks).flatMap(([id, measured]) => {
    const check = checks[id];
    if (check === undefined || (only !== undefined && only !== id)) return [];
    const { judged } = measured;
    return {
      at: timestamp(poll.at),
      step: poll.step,
      weight: poll.share,
      check: id,
      metric: check.metric,
      unit: unitOf(check.metric, [measured.canary, measured.stable]),
      limit: judged?.limit ?? limitIn(check),
      verdict: judged?.verdict ?? null,
      failuresInARow: judged?.failuresInARow ?? null,
      canary: renderReading(check.metric, measured.canary),
      stable: renderReading(check.metric, measured.stable),
    };
  });
}
