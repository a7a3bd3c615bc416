import { createHash } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Remember } from '../rollout/act.ts';
import { noTrouble } from '../rollout/quarantine.ts';
import { isScheduled } from '../rollout/rollout.ts';
import { dueAt } from '../rollout/scheduled.ts';
import type { RolloutService } from '../rollout/service.ts';
import { pathOf } from './answer-problem.ts';
import { actorOf } from './authenticate.ts';
import { ProblemError } from './problem.ts';
import { renderRollout } from './render-rollout.ts';
import { RolloutOnWire } from './wire.ts';

/** The header, as a structured-field string (`"key"`) or bare; draft-ietf-httpapi-idempotency-key-header-07. */
export const IdempotencyHeaders = z.looseObject({
  'idempotency-key': z
    .string()
    .regex(/^(?:"[\x20\x21\x23-\x5b\x5d-\x7e]{1,255}"|[\x21\x23-\x7e]{1,255})$/, {
      error: 'a key has 1 to 255 visible ASCII characters, in quotes or bare',
    })
    .optional()
    .describe('Makes a repeated request safe: the same key and body get the first answer again, for 7 days.'),
});

/** A request with a key; whoever sends it again must send the same body. */
type Keyed = { principal: string; method: string; path: string; key: string; fingerprint: string };
type Recalled = { status: number; body: string };

/** The key of a request and the SHA-256 of its body; null when it has no key. */
export function keyOf(request: FastifyRequest): Keyed | null {
  const written = request.headers['idempotency-key'];
  if (typeof written !== 'string') return null;
  const { kind, name } = actorOf(request);
  return {
    principal: `${kind}:${name}`,
    method: request.method,
    path: pathOf(request),
    key: written.startsWith('"') ? written.slice(1, -1) : written,
    fingerprint: createHash('sha256')
      .update(request.rawBody ?? '')
      .digest('hex'),
  };
}

/** The answer that this key got before, or null. Throws a problem when it belongs to another body. */
export async function recallFor(service: RolloutService, keyed: Keyed | null): Promise<Recalled | null> {
  if (keyed === null) return null;
  const { fingerprint, ...key } = keyed;
  const earlier = await service.recall(key);
  if (earlier === null || earlier.fingerprint === fingerprint) return earlier;
  throw new ProblemError(
    'idempotency-key-reused',
    'The key was sent before with another body. Nothing was done.',
  );
}

/** The answer of the request that ran at the same time with this key. Throws a problem while it still runs. */
export async function recallRival(service: RolloutService, keyed: Keyed | null): Promise<Recalled> {
  const earlier = await recallFor(service, keyed);
  if (earlier !== null) return earlier;
  throw new ProblemError('idempotency-in-progress', 'A request with this key is being answered.');
}

/** What the service keeps with the change itself: the very bytes of the answer. Null without a key. */
export function rememberAs(keyed: Keyed | null, status: number): Remember | null {
  if (keyed === null) return null;
  return (rollout, now) => ({ ...keyed, status, body: acceptedBody(rollout, now) });
}

/** The body of an accepted command: the rollout, whose next turn is due at once. */
export function acceptedBody(...[rollout, now]: Parameters<Remember>): string {
  const nextAt = isScheduled(rollout) ? Math.max(now, dueAt(rollout)) : now;
  return JSON.stringify(z.encode(RolloutOnWire, renderRollout({ rollout, nextAt, now, trouble: noTrouble })));
}

/** The headers of an accepted command's answer. */
export const acceptedHeaders = {
  Location: { type: 'string', description: 'The path of the rollout, without a host.' },
  'Idempotent-Replayed': { type: 'string', description: '`true` when this answer was given before.' },
} as const;

const Linked = z.object({ links: z.object({ self: z.string() }) });

/** Sends an accepted command's body, with the path of the rollout in `Location`. */
export function sendAccepted(
  reply: FastifyReply,
  { status, body }: Recalled,
  replayed: boolean,
): FastifyReply {
  const { links } = Linked.parse(JSON.parse(body));
  if (replayed) reply.header('idempotent-replayed', 'true');
  return reply.code(status).header('location', links.self).type('application/json; charset=utf-8').send(body);
}
