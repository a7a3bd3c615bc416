import { describe, expect, it } from 'vitest';
import type { CreateRequest } from '../../src/rollout/draft.ts';
import type { Mesh, Rehearsal } from '../../src/rollout/ports/mesh.ts';
import type { Previewed } from '../../src/rollout/preview.ts';
import { rolloutService } from '../../src/rollout/service.ts';
import { fakeMesh } from '../fakes/mesh.ts';
import { fakeMetrics, mood } from '../fakes/metrics.ts';
import { bankPlan, rolloutId, start } from '../fakes/rollouts.ts';
import { memoryStore } from '../fakes/store.ts';
import { darkSurroundings } from '../fakes/surroundings.ts';
import { alice } from './drive.ts';

const where = { namespace: 'bank', virtualService: 'payments' };
const request: CreateRequest = { target: { cluster: 'default', ...where }, plan: bankPlan, reason: null };

/** A service over a mesh at rest that answers its first rehearsals like this; `asked` are the writes that were tried. */
function world(...answers: Rehearsal[]) {
  const mesh = fakeMesh();
  mesh.add(where);
  for (const answer of answers) mesh.failNextRehearsal(answer);
  const metrics = fakeMetrics();
  metrics.set('canary', mood.idle);
  const asked: Parameters<Mesh['rehearse']>[2][] = [];
  const rehearse: Mesh['rehearse'] = (...call) => {
    asked.push(call[2]);
    return mesh.rehearse(...call);
  };
  const service = rolloutService({
    surroundings: darkSurroundings(),
    clusters: ['default'],
    mesh: { ...mesh, rehearse },
    metrics,
    rollouts: memoryStore({ now: () => start }),
    holds: { standing: async () => [] },
    newId: () => rolloutId(1),
    deadline: () => new AbortController().signal,
  });
  const preview = async (changes: Partial<CreateRequest> = {}): Promise<Previewed> => {
    const answer = await service.preview({ ...request, ...changes }, alice);
    if (answer.kind !== 'preview') throw new Error(`previewed ${answer.kind}`);
    return answer;
  };
  return { mesh, asked, preview };
}

const denied: Rehearsal = {
  kind: 'refused',
  reason: 'denied',
  why: 'the API server answered 400: admission webhook "policy.bank" denied the request: no weights on Friday',
};
const forbidden: Rehearsal = { kind: 'refused', reason: 'forbidden', why: 'the API server answered 403.' };
const unknown: Rehearsal = { kind: 'unknown', why: 'the API server answered 400: does not support dry run' };

describe('a preview', () => {
  it('has the first write of the plan and the way back tried, and nothing is written', async () => {
    const { mesh, asked, preview } = world();
    const { rehearsed, obstacle } = await preview();
    expect(rehearsed).toEqual([
      { write: 'first', share: 5, outcome: { kind: 'accepted' } },
      { write: 'wayBack', share: 0, outcome: { kind: 'accepted' } },
    ]);
    expect(asked).toMatchObject([
      { share: 5, end: false, rolloutId: rolloutId(1) },
      { share: 0, end: true, rolloutId: rolloutId(1) },
    ]);
    expect([obstacle, mesh.writes(where)]).toEqual([null, []]);
  });

  it('would not start when a webhook denies a write, and says in whose words, and the mend', async () => {
    const { obstacle } = await world(denied).preview();
    expect(obstacle).toEqual({
      why: 'the API server would refuse the first write, 5 % for the canary: the API server answered 400: admission webhook "policy.bank" denied the request: no weights on Friday; mend what the webhook names, or have the VirtualService exempted from it',
      patienceMs: 0,
    });
  });

  it('would not start when there is no way back', async () => {
    const { obstacle } = await world({ kind: 'accepted' }, denied).preview();
    expect(obstacle?.why).toMatch(/^the API server would refuse the way back to 0 %: /);
  });

  it('names the VirtualService that is refused where there are several', async () => {
    const edge = { namespace: 'edge', virtualService: 'gateway' };
    const target = { cluster: 'default', ...where, also: [edge] };
    const whyOf = async (reason: 'forbidden' | 'invalid') => {
      const why = 'edge/gateway: the API server answered 4xx';
      const made = world({ kind: 'refused', reason, why, object: 'edge/gateway' });
      made.mesh.add(edge);
      return (await made.preview({ target })).obstacle?.why;
    };
    expect(await whyOf('invalid')).toMatch(
      /; mend what it names: kubectl -n edge edit virtualservice gateway$/,
    );
    expect(await whyOf('forbidden')).toMatch(/the right to patch virtualservices in edge$/);
  });

  it('says once what is refused twice', async () => {
    const { obstacle } = await world(forbidden, forbidden).preview();
    expect(obstacle?.why).toBe(
      "the API server would refuse the first write, 5 % for the canary and the way back to 0 %: the API server answered 403; give canaryd's account the right to patch virtualservices in bank",
    );
  });

  it('starts all the same where a dry run cannot be made, and says so once', async () => {
    const { obstacle, warnings } = await world(unknown, unknown).preview();
    expect(obstacle).toBeNull();
    expect(warnings.filter((text) => /accepts the writes/.test(text))).toEqual([
      'Whether the API server accepts the writes is not known: the API server answered 400: does not support dry run.',
    ]);
  });

  it('tries nothing on an object that cannot be written as it stands', async () => {
    const { mesh, asked, preview } = world();
    mesh.failNextLook({ kind: 'unavailable', reason: 'timeout', why: 'no answer' });
    expect((await preview()).rehearsed).toEqual([]);
    mesh.moveByAnotherHand(where, 30);
    expect((await preview({ startAt: start + 60_000 })).rehearsed).toEqual([]);
    expect(asked).toEqual([]);
  });

  it('names what else sends requests to the canary, and what is not known', async () => {
    const { mesh, preview } = world();
    const routes = [
      {
        namespace: 'qa',
        virtualService: 'tester',
        route: 'debug',
        path: 'spec.http[0].route[0]',
        match: 'header x-debug is "on"',
        kind: 'route' as const,
        share: 100,
      },
    ];
    mesh.setOtherRoutes(where, { routes, unknown: [{ namespace: null, why: 'the list is forbidden' }] });
    const { otherRoutes, warnings } = await preview();
    expect(otherRoutes?.routes).toEqual(routes);
    expect(warnings.slice(0, 2)).toEqual([
      'Requests reach v2 whatever its weight is, by VirtualService qa/tester route debug (header x-debug is "on").',
      'What else sends requests to v2 is not known: the list is forbidden.',
    ]);
  });
});
