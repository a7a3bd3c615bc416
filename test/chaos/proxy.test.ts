import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startProxy, type TcpProxy, through } from './proxy.ts';

let server: Server;
let proxy: TcpProxy;
let client: Socket;

beforeEach(async () => {
  server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (data) => void (socket.writable && socket.write(data)));
    socket.on('end', () => socket.end());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  proxy = await startProxy(address.port);
  client = connect({ port: proxy.port, host: '127.0.0.1' });
  client.on('error', () => undefined);
  await once(client, 'connect');
});

afterEach(async () => {
  client.destroy();
  await proxy.close();
  server.close();
});

describe('a proxy', () => {
  it('carries what both sides say', async () => {
    expect(await echo('hello')).toBe('hello');
  });

  it('makes all that is said late by its delay, both ways, and stops when told', async () => {
    proxy.delay(60);
    const began = performance.now();
    expect(await echo('slow')).toBe('slow');
    expect(performance.now() - began).toBeGreaterThanOrEqual(118);
    proxy.delay(0);
    expect(await echo('fast')).toBe('fast');
  });

  it('cuts every open connection with a reset, and takes new ones', async () => {
    expect(await echo('before')).toBe('before');
    const cut = new Promise<NodeJS.ErrnoException>((resolve) => client.once('error', resolve));
    proxy.reset();
    expect((await cut).code).toBe('ECONNRESET');
    client = connect({ port: proxy.port, host: '127.0.0.1' });
    expect(await echo('after')).toBe('after');
  });

  it('lets nothing through while it is a black hole, and loses nothing of it', async () => {
    const lift = proxy.blackHole();
    let heard = '';
    client.on('data', (data: Buffer) => {
      heard += data.toString();
    });
    client.write('one');
    // What goes another way meanwhile has long come back.
    await roundTrip();
    expect(heard).toBe('');
    const all = new Promise<void>((resolve) => client.on('data', () => heard === 'one' && resolve()));
    lift();
    await all;
    expect(heard).toBe('one');
  });

  it('hands on that one side has ended', async () => {
    client.end();
    await once(client, 'close');
    expect(client.destroyed).toBe(true);
  });

  it('stands in a URL in place of what is behind it', () => {
    expect(through(proxy, 'redis://:secret@127.0.0.1:6379/0')).toBe(
      `redis://:secret@127.0.0.1:${proxy.port}/0`,
    );
  });
});

async function echo(text: string): Promise<string> {
  const answer = once(client, 'data');
  client.write(text);
  const [data] = await answer;
  return String(data);
}

/** Past the proxy, several times. */
async function roundTrip(): Promise<void> {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  const direct = connect({ port: address.port, host: '127.0.0.1' });
  for (let times = 0; times < 20; times += 1) {
    const answer = once(direct, 'data');
    direct.write('direct');
    await answer;
  }
  direct.destroy();
}
