import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Actor } from '../../rollout/reasons.ts';
import type { ApiDeps } from '../route.ts';
import { type Feed, openFeed } from './feed.ts';
import type { LiveParts } from './rollout-stream.ts';
import { slots } from './slots.ts';
import { openStream, type Stream } from './stream.ts';
import { realTimer } from './timer.ts';
import { waitForRollout } from './wait.ts';

export const eventStream = 'text/event-stream';

export const streamSchema = z
  .string()
  .describe('Server-sent events; `id`, `event` and one line of `data` each.')
  .meta({ examples: ['id: 3\nevent: weight.applied\ndata: {"seq":3}\n\n'] });

/** What one name may hold open in one process. */
const mostStreams = 20;
const mostWaits = 200;

type Follow = (parts: LiveParts, open: (onClose: () => void) => Stream) => void;
type Wait = Parameters<typeof waitForRollout>[2];

/** Answers that stay open: streams and long polls. */
export type Streaming = {
  /** Turns the reply into a stream; throws a `too-many-listeners` problem before anything is sent. */
  open(actor: Actor, reply: FastifyReply, follow: Follow): void;
  /** A long poll; throws a `too-many-listeners` problem when the name has too many. */
  wait(actor: Actor, reply: FastifyReply, asked: Wait): ReturnType<typeof waitForRollout>;
};

/** The live answers of one server. They end when it begins to close, so that they do not keep it from closing. */
export function liveAnswers(
  app: FastifyInstance,
  { service, timer = realTimer, ending }: Pick<ApiDeps, 'service' | 'timer' | 'ending'>,
): Streaming {
  const feed: Feed = openFeed({ recent: (asked) => service.live.recent(asked), timer, log: app.log });
  app.addHook('preClose', async () => feed.close());
  ending?.addEventListener('abort', () => feed.close(), { once: true });
  const streams = slots(mostStreams, 'live streams');
  const waits = slots(mostWaits, 'long polls');
  const parts = { service, feed, timer };
  return {
    open: (actor, reply, follow) => {
      const release = streams.take(actor);
      follow(parts, (onClose) =>
        openStream(reply, timer, () => {
          release();
          onClose();
        }),
      );
    },
    wait: async (actor, reply, asked) => {
      const release = waits.take(actor);
      return waitForRollout(parts, reply, asked).finally(release);
    },
  };
}

/** A HEAD request asks what a stream would look like, and would never see one end. */
export function isHeadOnly(request: FastifyRequest, reply: FastifyReply): boolean {
  if (request.method !== 'HEAD') return false;
  reply.type(eventStream).header('cache-control', 'no-cache').send('');
  return true;
}
