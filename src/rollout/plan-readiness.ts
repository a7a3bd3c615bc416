import { z } from 'zod';
import { allChecks } from '../readiness/all-checks.ts';
import type { Policy } from '../readiness/policy.ts';
import type { Requirements } from '../readiness/snapshot.ts';
import type { PlanFault } from './plan-fault.ts';

const CheckName = z.string().regex(/^PF-[A-Z]{2}-[0-9]{2}$/, {
  error: 'write the id of a readiness check, such as PF-AZ-02',
});

const Waiver = z.strictObject({
  check: CheckName.describe('The readiness check that may fail.'),
  reason: z
    .string()
    .min(1, { error: 'a waiver says why' })
    .max(500)
    .describe('Why: it is kept for auditors.'),
  until: z.iso
    .datetime({ offset: true, error: 'write when it ends, such as 2026-12-31T18:00:00Z' })
    .describe('When it ends. From then on the check counts again.'),
});

const Hosts = z
  .array(z.string().min(1).max(253))
  .max(100)
  .describe('Hosts outside the mesh that the canary is going to call, beside those that stable calls.');

/** A series that somebody's recording rules keep, named rather than written as a query. */
const ErrorBudget = z.strictObject({
  series: z
    .string()
    .regex(/^[a-zA-Z_:][a-zA-Z0-9_:]{0,199}$/, {
      error: 'write the name of a recorded series, such as slo:error_budget_remaining:ratio',
    })
    .describe('The recorded series that says which ratio of the budget is left: 1 is all of it, 0 is none.'),
  labels: z
    .record(
      z.string().regex(/^[a-zA-Z_][a-zA-Z0-9_]{0,99}$/, { error: 'write the name of a label' }),
      z.string().max(200),
    )
    .optional()
    .describe('Labels that choose one series of it, such as the service.'),
  min: z.number().min(0).max(1).optional().describe('The least ratio that has to be left; 0 when left out.'),
});

/** What a plan asks of the mesh before the first percent. */
export const Readiness = z.strictObject({
  block: z
    .array(z.enum(['error', 'warn', 'info', 'unknown'], { error: 'write error, warn, info or unknown' }))
    .optional()
    .describe(
      'Which findings keep the rollout from starting: `error` when left out. `unknown` is what could not be read.',
    ),
  mutualTls: z
    .enum(['STRICT', 'PERMISSIVE'], { error: 'write STRICT or PERMISSIVE' })
    .optional()
    .describe('The mTLS mode that the canary must have; left out, another one than STRICT is a warning.'),
  defaultDeny: z.boolean().optional().describe('True when the namespace must deny what no policy allows.'),
  egressHosts: Hosts.optional(),
  imageDigests: z
    .boolean()
    .optional()
    .describe('True when the images of the canary must be named by digest.'),
  errorBudgets: z
    .array(ErrorBudget)
    .max(10)
    .optional()
    .describe('Error budgets that must not be spent when the rollout begins.'),
  waivers: z.array(Waiver).max(50).optional().describe('Checks that may fail for a time.'),
});
export type Readiness = z.infer<typeof Readiness>;

/** An error budget of a plan, with nothing left out. */
export type PlannedBudget = { series: string; labels: Readonly<Record<string, string>>; min: number };

type Ready = { readiness?: Readiness | undefined };

/** A waiver of a check that does not exist would let nothing pass, and nobody would hear of it. */
export function waiverFaults({ readiness }: Ready): PlanFault[] {
  const ids = allChecks.map(({ id }) => id);
  return (readiness?.waivers ?? []).flatMap(({ check }, index) => {
    if (ids.includes(check)) return [];
    const family = ids.filter((id) => id.startsWith(check.slice(0, 6)));
    const near = family.length > 0 ? `: those that begin so are ${family.join(', ')}` : '';
    const message = `there is no readiness check ${check}${near}`;
    return [{ path: ['readiness', 'waivers', index, 'check'], code: 'check-unknown', message }];
  });
}

/** Which findings keep a rollout of a plan from starting. */
export function policyOf({ readiness }: Ready): Policy {
  const waivers = readiness?.waivers ?? [];
  return {
    block: readiness?.block ?? ['error'],
    waivers: waivers.map(({ until, ...waiver }) => ({ ...waiver, until: Date.parse(until) })),
  };
}

/** What a plan asks of every target. */
export function requirementsOf({ readiness }: Ready): Requirements {
  return {
    mutualTls: readiness?.mutualTls ?? 'STRICT',
    insistsOnMutualTls: readiness?.mutualTls !== undefined,
    defaultDeny: readiness?.defaultDeny ?? false,
    egressHosts: readiness?.egressHosts ?? [],
    imageDigests: readiness?.imageDigests ?? false,
  };
}

/** The error budgets that a plan names. */
export function errorBudgetsOf({ readiness }: Ready): PlannedBudget[] {
  return (readiness?.errorBudgets ?? []).map(({ series, labels = {}, min = 0 }) => ({ series, labels, min }));
}
