import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { nearest } from '../known-names.ts';
import { fieldFaults } from './field-faults.ts';
import type { FieldFault } from './problem.ts';

/** What a route that brings traffic back takes of a body that is partly wrong. */
type Lenient = {
  schema: z.ZodObject;
  /** Fields that say what is turned back: they, and names near theirs, are never left out. */
  scope: readonly string[];
};

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Present where going back is not to fail for a body: what cannot be read is left out, and a header says so. */
    lenient?: Lenient;
  }
  interface FastifyRequest {
    /** What was wrong with the form of a body that was taken, or left out, all the same. */
    bodyWarning: string | null;
  }
}

/** The header that says which parts of a body were left out. */
export const warningHeaders = {
  'Rollout-Warning': {
    type: 'string',
    description: 'What was wrong with the body and left out; absent when nothing was.',
  },
} as const;

/** Leaves out what is wrong with the body of a lenient route before it is checked, and says so in a header. */
export function leaveOutWrongParts(app: FastifyInstance): void {
  app.decorateRequest('bodyWarning', null);
  app.addHook('onRequest', async (request) => {
    // The framework refuses a body whose type it cannot read before anything here has seen it.
    if (request.routeOptions.config.lenient !== undefined)
      request.raw.headers['content-type'] = 'application/json';
  });
  app.addHook('preValidation', async (request, reply) => {
    const { lenient } = request.routeOptions.config;
    if (lenient === undefined) return;
    const { body, faults } = readablePart(lenient, request.body);
    request.body = body;
    warn(request, reply, faults);
  });
}

function warn({ bodyWarning }: FastifyRequest, reply: FastifyReply, faults: FieldFault[]): void {
  const sentences = faults.map(
    ({ pointer, detail }) => `${pointer === '' ? 'the body' : pointer}: ${detail}`,
  );
  const parts = [...(bodyWarning === null ? [] : [bodyWarning]), ...sentences];
  if (parts.length > 0) reply.header('rollout-warning', headerText(`left out: ${parts.join('; ')}`));
}

/** At most 500 printable ASCII characters: what a header may hold (RFC 9110, section 5.5). */
function headerText(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 500);
}

/** A fault can hide another one, as a wrong member hides the rule over all of them. */
const mostRounds = 4;

function readablePart({ schema, scope }: Lenient, sent: unknown): { body: unknown; faults: FieldFault[] } {
  const faults: FieldFault[] = [];
  let body = structuredClone(sent);
  for (let round = 0; round < mostRounds; round += 1) {
    const parsed = schema.safeParse(body);
    if (parsed.success) break;
    const wrong = parsed.error.issues.flatMap(pathsOf).filter((path) => !isScope(scope, path));
    faults.push(...faultsAt(fieldFaults(parsed.error.issues, { schema, data: body }), scope));
    if (wrong.some((path) => path.length === 0)) body = {};
    for (const path of wrong) leaveOut(body, path);
  }
  return { body, faults };
}

function pathsOf(issue: z.core.$ZodIssue): PropertyKey[][] {
  if (issue.code !== 'unrecognized_keys') return [issue.path];
  return issue.keys.map((key) => [...issue.path, key]);
}

function faultsAt(faults: FieldFault[], scope: readonly string[]): FieldFault[] {
  return faults.filter(({ pointer }) => !isScope(scope, pointer.split('/').slice(1)));
}

function isScope(scope: readonly string[], [first]: readonly PropertyKey[]): boolean {
  return first !== undefined && nearest(String(first), scope) !== null;
}

function leaveOut(body: unknown, path: readonly PropertyKey[]): void {
  const last = path.at(-1);
  const parent = path.slice(0, -1).reduce(memberOf, body);
  if (last !== undefined && typeof parent === 'object' && parent !== null)
    Reflect.deleteProperty(parent, last);
}

function memberOf(value: unknown, segment: PropertyKey): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, segment) : undefined;
}
