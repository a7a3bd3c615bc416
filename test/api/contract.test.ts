import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { generateContract } from '../../src/api/generate-contract.ts';
import { problemKinds } from '../../src/api/problems.ts';
import { api, ask } from './api.ts';
import { rolloutId } from './rollouts.ts';

const Response = z.looseObject({
  description: z.string(),
  content: z.record(z.string(), z.unknown()).optional(),
});
const Operation = z.looseObject({
  operationId: z.string(),
  summary: z.string(),
  security: z.array(z.unknown()).optional(),
  responses: z.record(z.string(), Response),
});
const Contract = z.looseObject({
  openapi: z.literal('3.1.0'),
  paths: z.record(z.string(), z.record(z.string(), Operation)),
  components: z.looseObject({ schemas: z.record(z.string(), z.unknown()) }),
});

const checkedIn = await readFile(new URL('../../openapi.yaml', import.meta.url), 'utf8');
const contract = Contract.parse(parse(checkedIn));
const operations = Object.entries(contract.paths).flatMap(([path, methods]) => {
  return Object.entries(methods).map(([method, operation]) => ({
    path,
    method: method.toUpperCase(),
    operation,
  }));
});

describe('openapi.yaml', () => {
  it('is what the routes say: `npm run openapi` writes it anew', async () => {
    expect(await generateContract()).toBe(checkedIn);
  });

  it('is what the server serves', async () => {
    const response = await api().inject({ url: '/openapi.yaml' });
    expect(response.headers['content-type']).toBe('application/yaml; charset=utf-8');
    expect(response.body).toBe(checkedIn);
  });

  it('has every route, and no other', async () => {
    const app = api();
    await app.ready();
    // The page that shows the contract is no part of it.
    const routes = app.knownRoutes.filter(({ method, url }) => method !== 'HEAD' && !url.startsWith('/docs'));
    const registered = routes.map(({ method, url }) => `${method} ${documentedPath(url)}`);
    const documented = operations.map(({ method, path }) => `${method} ${path}`);
    expect(documented.sort()).toEqual(registered.sort());
  });

  it('names each operation once', () => {
    const names = operations.map(({ operation }) => operation.operationId);
    expect(new Set(names).size).toBe(names.length);
  });

  it('answers every failure with a problem, and documents 401 wherever a token is needed', () => {
    for (const { path, operation } of operations) {
      const failures = Object.entries(operation.responses).filter(([status]) => Number(status) >= 400);
      for (const [, response] of failures)
        expect(Object.keys(response.content ?? {})).toEqual(['application/problem+json']);
      const isOpen = operation.security?.length === 0;
      expect([path, Object.hasOwn(operation.responses, '401')]).toEqual([path, !isOpen]);
    }
  });

  it('leads to nothing that is missing, and holds nothing idle', () => {
    const named = [...checkedIn.matchAll(/#\/components\/schemas\/(\w+)/g)].map(([, name]) => name);
    expect([...new Set(named)].sort()).toEqual(Object.keys(contract.components.schemas).sort());
  });

  it('names problems of the closed list only', () => {
    const named = [...checkedIn.matchAll(/- `([a-z-]+)`: /g)].map(([, slug = '']) => slug);
    expect(named.filter((slug) => !Object.hasOwn(problemKinds, slug))).toEqual([]);
  });

  it('starts a rollout with the example it gives', async () => {
    const Body = z.looseObject({
      content: z.record(z.string(), z.looseObject({ example: z.unknown().optional() })),
    });
    const bodies = operations.filter(({ operation }) => operation['requestBody'] !== undefined);
    expect(bodies.length).toBeGreaterThanOrEqual(10);
    for (const { path, method, operation } of bodies) {
      const payload = Object(Body.parse(operation['requestBody']).content['application/json']?.example);
      const url = path
        .replace('{id}', rolloutId)
        .replace('{name}', 'pci-standard')
        .replace('{approvalId}', 'ap-2-5');
      const response = await ask(api(), { method: method === 'PUT' ? 'PUT' : 'POST', url, payload });
      expect([path, response.statusCode]).toEqual([path, expect.toBeOneOf([200, 201, 202])]);
    }
  });
});

/** A colon that is written twice stands in the path. */
function documentedPath(url: string): string {
  return url.replaceAll(/(?<!:):(\w+)/g, '{$1}').replaceAll('::', ':');
}
