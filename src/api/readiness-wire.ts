import { z } from 'zod';
import { RolloutOnWire } from './wire.ts';
import { Timestamp } from './wire-parts.ts';

export const FindingOnWire = z
  .object({
    id: z.string().describe('The readiness check, such as `PF-AZ-02`.'),
    title: z.string().describe('What holds when the check passes.'),
    family: z.string(),
    priority: z.enum(['P0', 'P1', 'P2']).describe("Where it stands in a bank's checklist: P0 comes first."),
    result: z
      .enum(['pass', 'fail', 'unknown', 'skip'])
      .describe('`unknown`: it could not be read, and so is never fine. `skip`: it does not apply.'),
    severity: z.enum(['error', 'warn', 'info']).nullable().describe('Null for what did not fail.'),
    read: z.string().describe('What was read.'),
    means: z.string().nullable().describe('What it means for this rollout; null for what did not fail.'),
    mend: z.string().nullable().describe('How to mend it; null where there is nothing to mend.'),
    object: z
      .object({ kind: z.string(), namespace: z.string().nullable(), name: z.string() })
      .nullable()
      .describe('The object at fault; null when there is none.'),
    path: z.string().nullable().describe('The field in it.'),
    codes: z.array(z.string()).describe('What Kiali (KIA) and istioctl (IST) call it.'),
    again: z.boolean().describe('Whether it can change from one minute to the next.'),
    blocks: z.boolean().describe('Whether it keeps this rollout from starting.'),
    waiver: z
      .object({
        reason: z.string(),
        until: Timestamp,
        expired: z.boolean().describe('True when it has ended, so that the check counts again.'),
      })
      .nullable()
      .describe("The plan's waiver for this check; null when there is none."),
  })
  .meta({ id: 'ReadinessFinding' });

const count = z.int();

export const ReadinessOnWire = z
  .object({
    at: Timestamp.describe('When it was read.'),
    summary: z
      .object({
        blocking: count.describe('Findings that keep the rollout from starting.'),
        error: count,
        warn: count,
        info: count,
        unknown: count,
        passed: count,
        skipped: count,
        waived: count,
      })
      .describe('Each finding is counted once: by what it weighs, or as waived.'),
    findings: z.array(FindingOnWire).describe('By family, in the order of the checks.'),
  })
  .meta({ id: 'Readiness', description: 'What the mesh around a target says before any traffic is moved.' });

export const PreflightOnWire = z
  .object({
    ready: z.boolean().describe('Whether nothing that was found keeps the rollout from starting.'),
    why: z.string().nullable().describe('What does; null when nothing does.'),
    target: RolloutOnWire.shape.target,
    versions: RolloutOnWire.shape.versions,
    readiness: ReadinessOnWire,
  })
  .meta({ id: 'Preflight' });
