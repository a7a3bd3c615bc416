import type { FastifySchemaCompiler } from 'fastify';
import { z } from 'zod';
import { WrittenPlan } from '../rollout/plan.ts';
import { fieldFaults } from './field-faults.ts';
import { type FieldFault, ProblemError } from './problem.ts';
import type { Slug } from './problems.ts';

/**
 * Checks one part of a request with zod. What is wrong becomes a problem: 400 for queries and headers, 404 for
 * an id that can not exist, 422 for bodies.
 */
export const checkWithZod: FastifySchemaCompiler<unknown> = ({ schema, url, httpPart }) => {
  if (!(schema instanceof z.ZodType)) throw new Error('every schema of a route is a zod schema');
  return (data: unknown) => {
    const parsed = schema.safeParse(data);
    if (parsed.success) return { value: parsed.data };
    if (httpPart === 'params')
      return { error: nothingHere(url?.startsWith('/v1/hold') === true ? 'hold order' : 'rollout') };
    const faults = fieldFaults(parsed.error.issues, { schema, data });
    if (httpPart !== 'body') return { error: outsideProblem(httpPart, faults) };
    return { error: bodyProblem(faults, schema === WrittenPlan) };
  };
};

/** An id that does not exist and one that cannot exist get the same answer. */
export function nothingHere(what: 'rollout' | 'hold order' = 'rollout'): ProblemError {
  return new ProblemError('not-found', `There is no ${what} with this id.`);
}

function outsideProblem(part: string | undefined, faults: FieldFault[]): ProblemError {
  const kind = part === 'headers' ? 'header' : 'query parameter';
  const errors = faults.map((fault) => ({ ...fault, pointer: fault.pointer.slice(1) }));
  return new ProblemError('malformed-request', `${counted(errors.length, kind)}. Nothing was done.`, {
    errors,
  });
}

function bodyProblem(errors: FieldFault[], isPlan: boolean): ProblemError {
  return new ProblemError(
    isPlan ? planSlug(errors) : slugOf(errors),
    `${counted(errors.length, 'part')}. Nothing was done.`,
    { errors },
  );
}

function counted(faults: number, kind: string): string {
  return faults === 1 ? `1 ${kind} is wrong` : `${faults} ${kind}s are wrong`;
}

/** The problem is the plan's when all of it lies in the plan. */
function slugOf(errors: FieldFault[]): Slug {
  if (!errors.every((fault) => /^\/plan(?:\/|$)/.test(fault.pointer))) return 'validation-error';
  return planSlug(errors);
}

function planSlug(errors: FieldFault[]): Slug {
  return errors.every((fault) => fault.code === 'plan-inconsistent') ? 'plan-inconsistent' : 'plan-invalid';
}
