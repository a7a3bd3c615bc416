import { Socket } from 'node:net';
import type { FastifyReply } from 'fastify';

/**
 * Takes the limit for quiet connections away until this answer is finished; Node sets it again for the next request
 * on the same connection. An injected request has no real socket.
 */
export function keepOpen({ raw }: FastifyReply): void {
  if (!(raw.socket instanceof Socket)) return;
  raw.socket.setTimeout(0);
  // A client that vanished without a word is found by the operating system.
  raw.socket.setKeepAlive(true, 30_000);
}
