import { z } from 'zod';
import { Timestamp } from './wire-parts.ts';

const Measured = z
  .object({
    kind: z
      .enum(['value', 'none', 'too_few', 'unavailable'])
      .describe('Only `value` may pass: no data, too few requests and an unreachable provider never do.'),
    value: z.number().nullable().describe('In the unit of the check; null above the highest bucket too.'),
    requests: z.number().nullable(),
    bucket: z
      .object({ lowerMs: z.number(), upperMs: z.number() })
      .nullable()
      .describe('The histogram bucket that a P99 lies in, in ms; null when it lies above the highest.'),
    why: z.string().nullable(),
  })
  .meta({ id: 'Measured' });

export const CheckOnWire = z
  .object({
    id: z.string(),
    metric: z.enum(['errorRate', 'p99LatencyMs']),
    unit: z.enum(['ratio', 'ms']),
    limit: z.number(),
    windowSeconds: z.number(),
    minRequests: z.int(),
    verdict: z.enum(['pass', 'fail', 'inconclusive', 'error']).nullable().describe('Null before the first.'),
    canary: Measured.nullable(),
    stable: Measured.nullable().describe('The baseline, at the same instant.'),
    failuresInARow: z.int(),
    failuresToRollBack: z.int(),
    measuredAt: Timestamp.nullable(),
  })
  .meta({ id: 'Check', description: 'A check and its last verdict.' });
