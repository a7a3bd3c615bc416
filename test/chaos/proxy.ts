import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

/** A TCP proxy on 127.0.0.1 that can be slow, silent, or cut. */
export type TcpProxy = {
  port: number;
  /** Milliseconds by which every piece of data is late from now on. */
  delay(ms: number): void;
  /** Nothing gets through, and nobody is told, until the answer is called. */
  blackHole(): () => void;
  /** Cuts every connection that is open. */
  reset(): void;
  close(): Promise<void>;
};

/** Starts a proxy to a port of 127.0.0.1; whoever listens there may come and go. */
export async function startProxy(target: number): Promise<TcpProxy> {
  const open = new Set<Socket>();
  let delayMs = 0;
  let passage: Promise<void> = Promise.resolve();

  function carry(from: Socket, to: Socket): void {
    let order: Promise<void> = Promise.resolve();
    const after = (then: () => void) => {
      order = order.then(async () => {
        if (delayMs > 0) await wait(delayMs);
        await passage;
        then();
      });
    };
    from.on('data', (data) => after(() => void (to.writable && to.write(data))));
    from.on('end', () => after(() => void to.end()));
    from.on('close', () => after(() => void to.destroy()));
  }

  const server = createServer((inner) => {
    const outer = connect({ port: target, host: '127.0.0.1' });
    for (const socket of [inner, outer]) {
      open.add(socket);
      socket.setNoDelay(true).on('error', () => undefined);
      socket.on('close', () => open.delete(socket));
    }
    carry(inner, outer);
    carry(outer, inner);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
  const reset = () => {
    for (const socket of open) socket.resetAndDestroy();
  };
  return {
    port: address.port,
    delay: (ms) => {
      delayMs = ms;
    },
    blackHole: () => {
      let lift = (): void => undefined;
      passage = new Promise((resolve) => {
        lift = resolve;
      });
      return lift;
    },
    reset,
    close: async () => {
      server.close();
      reset();
      await once(server, 'close');
    },
  };
}

/** The same URL by way of a proxy. */
export function through({ port }: TcpProxy, url: string): string {
  return url.replace(/(127\.0\.0\.1):\d+/, `$1:${port}`);
}
