import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { aliceToken } from './api.ts';

type Frame = { id: string | null; event: string | null; data: unknown };

export type Reader = {
  status: number;
  headers: IncomingMessage['headers'];
  /** Waits until so many frames have come; comments do not count. */
  frames(count: number): Promise<Frame[]>;
  /** All that came so far, as it was sent. */
  text(): string;
  /** Waits until the answer has ended or was cut off. */
  ended(): Promise<void>;
  /** Takes nothing more from the connection. */
  pause(): void;
  leave(): void;
};

/** The address of a server that listens on a free port of this machine. */
export async function listening(app: FastifyInstance): Promise<string> {
  return app.listen({ port: 0, host: '127.0.0.1' });
}

/** Opens a stream over real HTTP, as alice. */
export async function read(url: string, headers: Record<string, string> = {}): Promise<Reader> {
  const accept = 'text/event-stream';
  const request = get(url, { headers: { authorization: `Bearer ${aliceToken}`, accept, ...headers } });
  const [response]: IncomingMessage[] = await once(request, 'response');
  if (response === undefined) throw new Error('no answer');
  let text = '';
  let wake: () => void = () => undefined;
  response.setEncoding('utf8');
  response.on('data', (part: string) => {
    text += part;
    wake();
  });
  const end = new Promise<void>((resolve) => response.on('close', resolve));
  // A stream that is cut off is what some tests wait for.
  response.on('error', () => undefined);
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    text: () => text,
    ended: () => end,
    pause: () => response.pause(),
    leave: () => response.destroy(),
    frames: async (count) => {
      while (framesIn(text).length < count) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return framesIn(text);
    },
  };
}

function framesIn(text: string): Frame[] {
  const whole = text.split('\n\n').slice(0, -1);
  return whole.filter((block) => block.includes('data: ')).map(frameIn);
}

function frameIn(block: string): Frame {
  const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1] ?? null;
  return { id: field('id'), event: field('event'), data: JSON.parse(field('data') ?? 'null') };
}
