import type { FastifyReply } from 'fastify';
import { heartbeat, retryLine } from './frames.ts';
import { keepOpen } from './keep-open.ts';
import type { Timer } from './timer.ts';

/** An answer that stays open; what is sent after its end is dropped. */
export type Stream = {
  readonly isOpen: boolean;
  /** Sends one frame. A reader that is too far behind is dropped: it can come back with Last-Event-ID. */
  send(frame: string): void;
  /** Resolves once the reader has room again, or is gone. */
  ready(): Promise<void>;
  /** Sends what is left and closes. */
  end(): void;
};

/** Bytes that one slow reader may keep in memory. */
const mostBytes = 1_048_576;
const heartbeatMs = 15_000;

const streamHeaders = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache',
  'x-accel-buffering': 'no',
};

/**
 * Turns a reply into text/event-stream. Own code and not a plugin: memory per reader is bounded here, and nothing is
 * sent before a request can still be refused with a problem.
 * @param onClose called once, whoever closed it
 */
export function openStream(reply: FastifyReply, timer: Timer, onClose: () => void): Stream {
  const { raw } = reply;
  reply.headers(streamHeaders);
  for (const [name, value] of Object.entries(reply.getHeaders())) raw.setHeader(name, value ?? '');
  reply.hijack();
  keepOpen(reply);
  raw.writeHead(200);
  const stream = new OpenStream(raw, timer, onClose);
  stream.send(retryLine);
  return stream;
}

class OpenStream implements Stream {
  isOpen = true;
  readonly #raw: FastifyReply['raw'];
  readonly #timer: Timer;
  readonly #onClose: () => void;
  #cancelHeartbeat: () => void = () => undefined;
  #wakers: (() => void)[] = [];

  constructor(raw: FastifyReply['raw'], timer: Timer, onClose: () => void) {
    this.#raw = raw;
    this.#timer = timer;
    this.#onClose = onClose;
    raw.on('drain', () => this.#wake());
    raw.on('close', () => this.#closed());
    raw.on('error', () => this.#closed());
    this.#beat();
    // A reader that left before is not told of again.
    if (raw.destroyed || raw.closed) this.#closed();
  }

  send(frame: string): void {
    if (!this.isOpen) return;
    if (this.#raw.writableLength + Buffer.byteLength(frame) > mostBytes) this.#drop();
    else this.#raw.write(frame);
  }

  ready(): Promise<void> {
    if (!this.isOpen || !this.#raw.writableNeedDrain) return Promise.resolve();
    return new Promise((resolve) => this.#wakers.push(resolve));
  }

  end(): void {
    if (!this.isOpen) return;
    this.#closed();
    this.#raw.end();
    // A reader that takes nothing would keep the connection, and with it the server, from closing.
    const cancel = this.#timer.after(heartbeatMs, () => this.#raw.destroy());
    this.#raw.once('close', cancel);
  }

  /** A reader that took nothing since the last beat holds a connection and gets nothing: it is dropped, too. */
  #beat(): void {
    const waiting = this.#raw.writableLength;
    this.#cancelHeartbeat = this.#timer.after(heartbeatMs, () => {
      const isStuck = waiting > 0 && this.#raw.writableLength >= waiting;
      if (isStuck) this.#drop();
      else this.#sendHeartbeat();
    });
  }

  #sendHeartbeat(): void {
    this.send(heartbeat);
    if (this.isOpen) this.#beat();
  }

  #drop(): void {
    this.#closed();
    this.#raw.destroy();
  }

  #closed(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.#cancelHeartbeat();
    this.#wake();
    this.#onClose();
  }

  #wake(): void {
    const wakers = this.#wakers;
    this.#wakers = [];
    for (const wake of wakers) wake();
  }
}
