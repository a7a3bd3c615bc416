import { describe, expect, it } from 'vitest';
import type { AuditRow } from '../../src/rollout/audit.ts';
import { explain } from '../../src/rollout/explain.ts';
import type { Mesh } from '../../src/rollout/ports/mesh.ts';
import type { OtherRoute, OtherRoutes } from '../../src/rollout/ports/other-routes.ts';
import { mood } from '../fakes/metrics.ts';
import { id, where, world } from './turn-world.ts';

const debug: OtherRoute = {
  namespace: 'qa',
  virtualService: 'tester',
  route: 'debug',
  path: 'spec.http[0].route[0]',
  match: 'header x-debug is "on"',
  kind: 'route',
  share: 100,
};
const nameless: OtherRoute = { ...debug, route: null, match: 'every request', share: 2.5 };
const copies: OtherRoute = { ...debug, route: 'shadow', match: 'every request', kind: 'mirror' };
const unread = [{ namespace: null, why: 'only the VirtualServices of payment-prod were listed: 403.' }];

/** A rollout that begins beside these routes; counts how often they are asked for. */
async function beside(found: Partial<OtherRoutes>) {
  const made = await world();
  made.mesh.setOtherRoutes(where, found);
  let asked = 0;
  const otherRoutes: Mesh['otherRoutes'] = (...call) => {
    asked += 1;
    return made.mesh.otherRoutes(...call);
  };
  made.deps.mesh = { ...made.mesh, otherRoutes };
  const rows = async (type: string): Promise<AuditRow[]> =>
    (await made.store.events(id, 0, 500)).filter((row) => row.type === type);
  return { ...made, rows, asked: () => asked };
}

/** The same, rolled back by a failing canary. */
async function rolledBackBeside(found: Partial<OtherRoutes>) {
  const made = await beside(found);
  await made.run(5);
  made.mind.canary = mood.failing;
  await made.run(120);
  const rollout = await made.found();
  expect(rollout?.state.kind).toBe('rolledBack');
  const [row] = await made.rows('rollout.rolled_back');
  return { ...made, row, said: explain(rollout, null, made.clock.now) };
}

describe('a rollout that begins', () => {
  it('says which routes send requests to the canary whatever its weight is', async () => {
    const { turn, rows } = await beside({ routes: [debug, nameless, copies] });
    await turn();
    const [started] = await rows('rollout.started');
    expect(started?.message).toMatch(
      /deadline 12:00:00Z; requests reach v2 whatever its weight is, by VirtualService qa\/tester route debug \(header x-debug is "on"\), VirtualService qa\/tester spec\.http\[0\]\.route\[0\] \(every request; 2\.5 % of them\), VirtualService qa\/tester route shadow \(every request; copies\)\.$/,
    );
    expect(started?.facts['otherRoutes']).toMatchObject({ routes: [debug, nameless, copies], unknown: [] });
  });

  it('counts the routes that no sentence has room for', async () => {
    const { turn, rows } = await beside({ routes: [debug, debug, debug, debug, debug], more: 7 });
    await turn();
    expect((await rows('rollout.started'))[0]?.message).toMatch(/ and 9 more\.$/);
  });

  it('says nothing of them when there are none, and keeps that as a fact', async () => {
    const { turn, rows } = await beside({});
    await turn();
    const [started] = await rows('rollout.started');
    expect(started?.message).toMatch(/deadline 12:00:00Z\.$/);
    expect(started?.facts['otherRoutes']).toEqual({ routes: [], more: 0, direct: null, unknown: [] });
  });

  it('says that it does not know what it may not read', async () => {
    const { turn, rows } = await beside({ unknown: unread });
    await turn();
    expect((await rows('rollout.started'))[0]?.message).toMatch(
      /; what else sends requests to v2 is not known: only the VirtualServices of payment-prod were listed: 403\.$/,
    );
  });

  it('says that calls past all routes reach the canary', async () => {
    const { turn, rows } = await beside({ direct: 'no VirtualService gives payment a route' });
    await turn();
    expect((await rows('rollout.started'))[0]?.message).toMatch(
      /; no VirtualService gives payment a route\.$/,
    );
  });

  it('leaves out what an earlier rollout left behind, which its first write takes away', async () => {
    const left = { ...debug, ...where, route: 'canaryd-preview' };
    const { turn, rows } = await beside({ routes: [left, debug] });
    await turn();
    expect((await rows('rollout.started'))[0]?.facts['otherRoutes']).toMatchObject({ routes: [debug] });
  });

  it('moves its weight in the same turn all the same', async () => {
    const { turn, mesh } = await beside({ routes: [debug], unknown: unread });
    expect(await turn()).toBe('done');
    expect(mesh.shareOf(where)).toBe(5);
  });

  it('asks once, and not while it goes on', async () => {
    const { turn, run, asked } = await beside({ routes: [debug] });
    await turn();
    await run(300);
    expect(asked()).toBe(1);
  });

  it('does not ask while it waits for its start', async () => {
    const { turn, run, asked, mesh } = await beside({});
    mesh.setImages(where, 'v2', { kind: 'known', pods: [] });
    await turn();
    await run(120);
    expect(asked()).toBe(0);
  });
});

describe('a rollout that has gone back', () => {
  it('says what still reaches the canary, and what to type', async () => {
    const { row, said, asked } = await rolledBackBeside({ routes: [debug] });
    const still = 'still reaches v2: VirtualService qa/tester route debug (header x-debug is "on")';
    expect(row?.message.endsWith(`; ${still}.`)).toBe(true);
    expect(said.traffic).toBe(`All traffic on v1 (stable) when it ended; ${still}.`);
    expect(said.next).toBe(
      'Nothing: this rollout has ended; to take those requests away, too: kubectl -n qa edit virtualservice tester.',
    );
    expect(row?.facts['explanation']).toEqual(said);
    expect(asked()).toBe(2);
  });

  it('says so, too, when that is not known', async () => {
    const { row, said } = await rolledBackBeside({ unknown: unread });
    expect(said.traffic).toMatch(
      /; whether anything else reaches v2 is not known: only the VirtualServices of /,
    );
    expect(said.next).toMatch(/look for other routes to v2: kubectl get virtualservices -A -o yaml\.$/);
    expect(row?.facts['otherRoutes']).toMatchObject({ unknown: unread });
  });

  it('says nothing of it when nothing does', async () => {
    const { row, said } = await rolledBackBeside({});
    expect(said.traffic).toBe('All traffic on v1 (stable) when it ended.');
    expect(said.next).toBe('Nothing: this rollout has ended.');
    expect(row?.facts['otherRoutes']).toMatchObject({ routes: [], unknown: [] });
  });

  it('has ended all the same when the question itself goes wrong', async () => {
    const made = await beside({});
    await made.run(5);
    made.mind.canary = mood.failing;
    made.deps.mesh = { ...made.mesh, otherRoutes: () => Promise.reject(new TypeError('not a list')) };
    await made.run(120);
    expect((await made.found())?.state).toMatchObject({
      kind: 'rolledBack',
      stillReached: {
        what: 'whether anything else reaches v2 is not known: unexpected TypeError while looking for them',
      },
    });
  });

  it('is back before anybody asks', async () => {
    const made = await beside({});
    await made.run(5);
    made.mind.canary = mood.failing;
    const shares: number[] = [];
    made.deps.mesh = {
      ...made.mesh,
      otherRoutes: async (...call) => {
        shares.push(made.mesh.shareOf(where));
        return made.mesh.otherRoutes(...call);
      },
    };
    await made.run(120);
    expect(shares).toEqual([0]);
  });
});
