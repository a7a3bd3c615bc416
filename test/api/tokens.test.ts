import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseTokens, readTokens } from '../../src/api/tokens.ts';
import { aliceToken, api, ciToken, problemOf, tokens } from './api.ts';

const good = { token: aliceToken, kind: 'person', name: 'alice' };

function faultsIn(...entries: unknown[]): string[] {
  const read = parseTokens(JSON.stringify(entries));
  return read.kind === 'faults' ? read.faults : [];
}

describe('tokens', () => {
  it('name a person or a machine', () => {
    const table = tokens();
    expect(table.identify(aliceToken)).toEqual({ kind: 'person', name: 'alice' });
    expect(table.identify(ciToken)).toEqual({ kind: 'machine', name: 'github:acme/payments' });
    expect(table.identify(`${aliceToken}x`)).toBeNull();
    expect(table.identify('')).toBeNull();
  });

  it.each([
    [
      'a short token',
      { ...good, token: 'short' },
      'entry 1 of the tokens: "token" has fewer than 20 characters',
    ],
    ['no token', { kind: 'person', name: 'alice' }, 'entry 1 of the tokens: "token" is missing'],
    ['an unknown kind', { ...good, kind: 'robot' }, 'entry 1 of the tokens: "kind" is "person" or "machine"'],
    ['an unknown key', { ...good, scope: 'all' }, 'entry 1 of the tokens has an unknown key'],
    ['an entry that is no object', 'x', 'entry 1 of the tokens has the wrong form'],
  ])('%s is refused', (_name, entry, fault) => {
    expect(faultsIn(entry)).toEqual([fault]);
  });

  it('tells all faults at once and repeats no token', () => {
    const faults = faultsIn(
      { ...good, kind: 'robot' },
      { ...good, token: 'tiny-secret' },
      { ...good, name: '' },
    );
    expect(faults).toHaveLength(3);
    expect(faults.join()).not.toContain(aliceToken);
    expect(faults.join()).not.toContain('tiny-secret');
  });

  it('refuses the same token twice, and an empty list', () => {
    expect(faultsIn(good, { ...good, name: 'bob' })).toEqual([
      'entries 1 and 2 of the tokens have the same token',
    ]);
    expect(faultsIn()).toEqual(['the list of tokens has no token in it: nobody could sign in']);
    expect(parseTokens('{')).toEqual({ kind: 'faults', faults: ['the tokens are not valid JSON'] });
  });

  it('one person may have two tokens, so that a token can be replaced', () => {
    expect(faultsIn(good, { ...good, token: `${aliceToken}-next` })).toEqual([]);
  });

  it('are read from a file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tokens-'));
    const path = join(folder, 'tokens.json');
    await writeFile(path, JSON.stringify([good]));
    expect(await readTokens(path)).toMatchObject({ kind: 'tokens' });
    expect(await readTokens(join(folder, 'absent.json'))).toEqual({
      kind: 'faults',
      faults: ['the token file cannot be read: ENOENT'],
    });
    await rm(folder, { recursive: true });
  });
});

describe('a request', () => {
  const wrong: [string, Record<string, string>][] = [
    ['without a token', {}],
    ['with an unknown token', { authorization: 'Bearer not-a-token-of-anybody' }],
    ['with another scheme', { authorization: `Basic ${aliceToken}` }],
    ['with an empty token', { authorization: 'Bearer ' }],
    ['with two tokens', { authorization: `Bearer ${aliceToken} ${ciToken}` }],
  ];

  it.each(wrong)('%s gets the one answer that says nothing about tokens', async (_name, headers) => {
    const response = await api().inject({ url: '/v1/me', headers });
    const { requestId, ...body } = problemOf(response);
    expect(body).toEqual({
      type: '/problems/unauthenticated',
      title: 'A valid token is needed',
      status: 401,
      detail: 'Send a valid token: Authorization: Bearer <token>.',
      instance: '/v1/me',
    });
    expect(response.headers['www-authenticate']).toBe('Bearer realm="canaryd", error="invalid_token"');
  });

  it('is told who it comes from', async () => {
    const machine = await api().inject({ url: '/v1/me', headers: { authorization: `bearer ${ciToken}` } });
    expect(machine.json()).toEqual({ kind: 'machine', name: 'github:acme/payments' });
  });
});

describe('every route but the probes and the page of the API', () => {
  const probes = ['/healthz', '/readyz', '/metrics', '/openapi.yaml', '/v1/plan.schema.json'];

  it('answers nothing without a token', async () => {
    const app = api();
    await app.ready();
    const closed = app.knownRoutes.filter(({ url }) => !probes.includes(url) && !url.startsWith('/docs'));
    expect(closed.length).toBeGreaterThan(14);
    for (const { method, url } of closed) {
      const response = await app.inject({ method: methodOf(method), url: pathOf(url) });
      expect([method, url, response.statusCode]).toEqual([method, url, 401]);
    }
  });

  it('and the probes answer without one', async () => {
    const app = api();
    for (const url of probes) expect((await app.inject({ url })).statusCode).toBe(200);
  });
});

/** A path of a route; a colon that is written twice stands in it. */
function pathOf(url: string): string {
  return url.replaceAll(/(?<!:):\w+/g, 'x').replaceAll('::', ':');
}

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE'] as const;

function methodOf(method: string): (typeof methods)[number] {
  const known = methods.find((name) => name === method);
  if (known === undefined) throw new Error(`a method that this test does not know: ${method}`);
  return known;
}
