import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyBaseLogger, FastifyInstance, FastifyServerOptions, RawServerDefault } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { AlertService } from '../rollout/alert-service.ts';
import type { HoldService } from '../rollout/hold-orders.ts';
import type { PlanService } from '../rollout/plans.ts';
import type { RolloutService } from '../rollout/service.ts';
import type { TargetService } from '../rollout/targets.ts';
import type { Timer } from './live/timer.ts';
import type { Slug } from './problems.ts';
import type { TokenTable } from './tokens.ts';
import { RolloutId } from './wire-parts.ts';

/**
 * Whether each part that canaryd needs answers; `why` is shown to anybody and holds no secret. Without an `optional`
 * part canaryd still does what it must.
 */
export type Readiness = Record<string, { ok: boolean; why?: string; optional?: boolean }>;

export type ApiDeps = {
  service: RolloutService;
  plans: PlanService;
  targets: TargetService;
  holds: HoldService;
  alerts: AlertService;
  tokens: TokenTable;
  readiness: () => Promise<Readiness>;
  /** The metrics of this process in Prometheus' text format. */
  metricsText: () => Promise<string>;
  /** Times streams and long polls; the real clock by default. */
  timer?: Timer;
  /** Aborts when this instance begins to end: nobody is kept listening to it any longer. */
  ending?: AbortSignal;
  /** False is silence, which is also the default. */
  log?: Exclude<FastifyServerOptions['logger'], undefined>;
};

/** The server with zod as the source of the types of requests and answers. */
export type ApiServer = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;

type HeaderDoc = Record<string, { type: 'string'; description: string }>;

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Problems that this route answers beyond those that every route can. */
    problems?: readonly Slug[];
    /** Headers of answers, by status. */
    answerHeaders?: Record<number, HeaderDoc>;
    /** True when a request without a body is complete. */
    bodyOptional?: boolean;
    bodyExample?: unknown;
  }
}

/** What every route with a token may answer. */
export const commonProblems = [
  'malformed-request',
  'unauthenticated',
  'internal',
  'database-unavailable',
  'service-timeout',
  'shutting-down',
] as const satisfies Slug[];

export const RolloutPath = z.strictObject({ id: RolloutId });

/** No query parameters: an unknown one is refused, never ignored. */
export const NoQuery = z.strictObject({});

/** An answer in JSON, with its description for the contract. */
export function json<Schema extends z.ZodType>(description: string, schema: Schema) {
  return { description, content: { 'application/json': { schema } } };
}
