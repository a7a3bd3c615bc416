import { z } from 'zod';
import { canonicalJson } from './canonical.ts';
import { type CheckTemplates, templateFaults } from './check-template.ts';
import type { WrittenPlan } from './plan.ts';
import type { PlanFault } from './plan-fault.ts';
import { planFaults } from './plan-faults.ts';
import type { PlanLibrary, PlanVersion } from './ports/plans.ts';
import type { Actor } from './reasons.ts';
import { withoutRules, withStandIns } from './rule-checks.ts';

/** What a plan without a name is called; no plan that is kept may have this name. */
export const inlineName = 'inline';

const referenceForm = { error: 'write the name of a plan, such as "pci-standard" or "pci-standard@7"' };

/** A plan that is kept: `"pci-standard"` is its newest version, `"pci-standard@7"` its seventh. */
export const PlanReference = z
  .string(referenceForm)
  .regex(/^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?(?:@[1-9][0-9]{0,8})?$/, referenceForm);

/** What must be true of the plan that is there before a write replaces it. */
export type Condition =
  | { kind: 'none' }
  /** Nothing may be there. */
  | { kind: 'absent' }
  /** The newest version must be one of these; null takes any. */
  | { kind: 'version'; oneOf: number[] | null };

type PutRequest = { name: string; plan: WrittenPlan; condition: Condition; actor: Actor };

export type PutAnswer =
  /** `unchanged`: the newest version says the same already, and no further one was made. */
  | { kind: 'created' | 'replaced' | 'unchanged'; version: PlanVersion }
  /** There is a plan of this name, and the request did not say which version it builds on. */
  | { kind: 'unconditional'; newest: PlanVersion }
  /** Another version is the newest one; null: there is no plan of this name. */
  | { kind: 'changed'; newest: PlanVersion | null };

export type Choice =
  | { kind: 'chosen'; plan: WrittenPlan; version: number }
  | { kind: 'unknown'; name: string; version: number | null; newest: number | null; names: string[] }
  /** It was right when it was written, and today's rules refuse it. */
  | { kind: 'outdated'; version: PlanVersion; faults: PlanFault[] };

/** What faces may ask about plans that are kept. */
export interface PlanService extends Pick<PlanLibrary, 'find' | 'versions' | 'list'> {
  put(request: PutRequest): Promise<PutAnswer>;
  /** The plan that a rollout is asked to follow. */
  choose(reference: string): Promise<Choice>;
  /** What in a sound plan this canaryd has not: templates of custom checks. */
  unknownIn(plan: WrittenPlan): PlanFault[];
}

export type PlanDeps = {
  library: PlanLibrary;
  /** The digest of a text: `sha256:` and 64 hex digits. */
  digest: (text: string) => string;
  /** What custom checks may ask for; nothing when it is left out. */
  checkTemplates?: CheckTemplates;
};

/** Wires the plans; every answer is a value, and only a lost database throws. */
export function planService(deps: PlanDeps): PlanService {
  const { library } = deps;
  return {
    find: (name, version) => library.find(name, version),
    versions: (name, page) => library.versions(name, page),
    list: (page) => library.list(page),
    put: (request) => put(deps, request),
    choose: (reference) => choose(library, reference),
    unknownIn: (plan) => templateFaults(withoutRules(plan).checks, deps.checkTemplates ?? {}),
  };
}

async function put({ library, digest }: PlanDeps, request: PutRequest): Promise<PutAnswer> {
  const { name, condition, actor } = request;
  const plan = { ...request.plan, name };
  const text = canonicalJson(plan);
  const newest = await library.find(name);
  const early = settle(newest, condition, text);
  if (early !== null) return early;
  const version = (newest?.version ?? 0) + 1;
  const added = await library.add({ name, version, plan, digest: digest(text), createdBy: actor });
  if (added !== null) return { kind: version === 1 ? 'created' : 'replaced', version: added };
  const rival = await library.find(name);
  return settle(rival, condition, text) ?? { kind: 'changed', newest: rival };
}

/**
 * The answer when nothing has to be written; null otherwise. A request that has been carried out before is answered as
 * such whatever version it builds on (RFC 9110 section 13.1.1), so that it may be repeated when its answer was lost.
 */
function settle(newest: PlanVersion | null, condition: Condition, text: string): PutAnswer | null {
  if (newest === null) return condition.kind === 'version' ? { kind: 'changed', newest } : null;
  if (condition.kind === 'none') return { kind: 'unconditional', newest };
  if (condition.kind === 'absent') return { kind: 'changed', newest };
  if (canonicalJson(newest.plan) === text) return { kind: 'unchanged', version: newest };
  const { oneOf } = condition;
  return oneOf === null || oneOf.includes(newest.version) ? null : { kind: 'changed', newest };
}

const namesShown = 10;

async function choose(library: PlanLibrary, reference: string): Promise<Choice> {
  const [name = '', number] = reference.split('@');
  const version = number === undefined ? null : Number(number);
  const found = await (version === null ? library.find(name) : library.find(name, version));
  if (found === null) {
    const newest = await library.find(name);
    const listed = await library.list({ limit: namesShown });
    return {
      kind: 'unknown',
      name,
      version,
      newest: newest?.version ?? null,
      names: listed.map((plan) => plan.name),
    };
  }
  const faults = planFaults(withStandIns(found.plan));
  if (faults.length > 0) return { kind: 'outdated', version: found, faults };
  return { kind: 'chosen', plan: found.plan, version: found.version };
}
