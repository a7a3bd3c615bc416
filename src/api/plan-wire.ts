import { z } from 'zod';
import type { PlanVersion } from '../rollout/ports/plans.ts';
import { PlanOnWire } from './plan-on-wire.ts';
import { ProblemError } from './problem.ts';
import { ActorOnWire, clip, Timestamp, timestamp } from './wire-parts.ts';

const head = {
  name: z.string(),
  version: z.int().describe('1 for the first, one more for each later one.'),
  digest: z.string().describe('SHA-256 over the plan as canonical JSON.'),
  createdAt: Timestamp,
  createdBy: ActorOnWire,
  links: z.object({ self: z.string(), newest: z.string(), versions: z.string() }),
};

export const PlanHeadOnWire = z.object(head).meta({ id: 'PlanHead', description: 'A version of a plan.' });

export const PlanVersionOnWire = z
  .object({ ...head, plan: PlanOnWire })
  .meta({ id: 'PlanVersion', description: 'A version of a plan: it never changes.' });

/** A version of a plan without its content. */
export function renderHead(version: PlanVersion): z.output<typeof PlanHeadOnWire> {
  const newest = `/v1/plans/${version.name}`;
  const versions = `${newest}/versions`;
  return {
    name: version.name,
    version: version.version,
    digest: version.digest,
    createdAt: timestamp(version.createdAt),
    createdBy: version.createdBy,
    links: { self: `${versions}/${version.version}`, newest, versions },
  };
}

/** A version of a plan as callers see it. */
export function renderVersion(version: PlanVersion): z.output<typeof PlanVersionOnWire> {
  return { ...renderHead(version), plan: version.plan };
}

/** The answer to a plan, or a version of one, that does not exist. */
export function noPlan(name: string, version: string | null = null): ProblemError {
  const what = version === null ? `plan "${clip(name)}"` : `version ${clip(version)} of plan "${clip(name)}"`;
  return new ProblemError('not-found', `There is no ${what}. GET /v1/plans lists the plans.`);
}
