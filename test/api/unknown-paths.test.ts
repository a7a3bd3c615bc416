import { describe, expect, it } from 'vitest';
import { api, ask, problemOf } from './api.ts';
import { rolloutId } from './rollouts.ts';

const rollout = `/v1/rollouts/${rolloutId}`;
const actions = 'the actions are pause, resume, advance, promote, rollback, abort, cancel.';

describe('a path that does not exist', () => {
  it.each([
    ['POST', `${rollout}/rollback`, `did you mean POST ${rollout}/actions/rollback?`],
    ['POST', `${rollout}/rollback/`, `did you mean POST ${rollout}/actions/rollback?`],
    ['GET', `${rollout}/abort`, `did you mean POST ${rollout}/actions/abort?`],
    ['POST', `${rollout}/actions/rolback`, `did you mean POST ${rollout}/actions/rollback?`],
    ['POST', '/v1/rollouts/42/rollback', 'did you mean POST /v1/rollouts/{id}/actions/rollback?'],
    ['POST', `${rollout}/actions/explode`, actions],
    ['POST', `${rollout}/actions`, null],
    ['POST', `${rollout}/actions/`, actions],
    ['POST', `${rollout}/action/rollback`, `did you mean POST ${rollout}/actions/rollback?`],
    ['GET', `${rollout}/evnts`, `did you mean GET ${rollout}/events?`],
    ['GET', '/v1/rolouts', 'did you mean GET /v1/rollouts?'],
    ['POST', '/v1/rolouts', 'did you mean POST /v1/rollouts?'],
    ['GET', `/v1/rolouts/${rolloutId}`, `did you mean GET ${rollout}?`],
    ['GET', '/v1/plan/pci-standard', 'did you mean GET /v1/plans/{name}?'],
    ['GET', '/nothing/like/it', null],
  ] as const)('%s %s asks for the one that was meant', async (method, url, meant) => {
    const problem = problemOf(await ask(api(), { method, url }));
    const nothing = 'There is nothing at this path';
    expect([problem.status, problem.detail]).toEqual([
      404,
      meant === null ? `${nothing}.` : `${nothing}: ${meant}`,
    ]);
  });

  it('repeats nothing of it but an id', async () => {
    const url = `/v1/rollouts/${encodeURIComponent('<script>')}/rollback`;
    expect(problemOf(await ask(api(), { method: 'POST', url })).detail).not.toContain('script');
  });
});
