import { z } from 'zod';
import { FromRuleOnWire } from './plan-on-wire.ts';
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
    metric: z.enum(['errorRate', 'p99LatencyMs', 'custom']),
    template: z.string().nullable().describe('What a custom check asks for; null for the others.'),
    unit: z
      .enum(['ratio', 'ms', 'count'])
      .nullable()
      .describe('Of a custom check as its template says: null before it was measured.'),
    breach: z.enum(['above', 'below']).describe('On which side of its limit a value fails.'),
    limit: z.number(),
    windowSeconds: z.number(),
    minRequests: z.int().nullable().describe('Null for a custom check, which counts no requests.'),
    mode: z
      .enum(['enforce', 'observe'])
      .describe(
        '`observe`: measured, judged and shown; it never holds a rollout, rolls it back or lets it go on.',
      ),
    severity: z
      .enum(['critical', 'warning'])
      .describe(
        '`critical`: what it finds rolls back. `warning`: it pauses for a person, and never rolls back.',
      ),
    fromRule: FromRuleOnWire.nullable().describe('Null for a limit that the plan itself says.'),
    verdict: z
      .enum(['pass', 'fail', 'inconclusive', 'error'])
      .nullable()
      .describe(
        'Null before the first. With the sequential judge that of `errorRate` and `p99LatencyMs` shows what an alert rule would see, and decides nothing: see `judgement`.',
      ),
    canary: Measured.nullable(),
    stable: Measured.nullable().describe('The baseline, at the same instant.'),
    failuresInARow: z.int(),
    failuresToRollBack: z.int(),
    measuredAt: Timestamp.nullable(),
  })
  .meta({ id: 'Check', description: 'A check and its last verdict.' });
