import { expect, it } from 'vitest';
import type { Mesh } from '../../src/rollout/ports/mesh.ts';
import { mood } from '../fakes/metrics.ts';
import { atFive, where } from './turn-world.ts';

/** Notes of each look whether it was urgent; `meanwhile` happens after each. */
function noting(mesh: Mesh, meanwhile: () => void) {
  const urgent: boolean[] = [];
  const look: Mesh['look'] = async (target, signal, options) => {
    urgent.push(options?.urgent === true);
    const view = await mesh.look(target, signal, options);
    meanwhile();
    return view;
  };
  return { urgent, mesh: { ...mesh, look } };
}

it('a turn on the way back looks urgently, also after a conflict, and a turn on the way forward does not', async () => {
  const { mesh, mind, clock, turn, found } = await atFive();
  let conflicts = 0;
  const noted = noting(mesh, () => {
    if (conflicts > 0) mesh.touchByAnotherHand(where);
    conflicts -= 1;
  });
  clock.now += 10_000;
  await turn({ mesh: noted.mesh });
  expect([(await found())?.state.kind, noted.urgent.splice(0)]).toEqual(['running', [false]]);
  mind.canary = mood.failing;
  mesh.failNextWrite({ kind: 'unavailable', reason: 'throttled', why: 'busy' });
  for (let poll = 0; poll < 20 && (await found())?.state.kind === 'running'; poll += 1) {
    noted.urgent.splice(0);
    clock.now += 10_000;
    await turn({ mesh: noted.mesh });
  }
  expect([(await found())?.state.kind, noted.urgent.splice(0)]).toEqual(['rollingBack', [false]]);
  clock.now += 30_000;
  conflicts = 2;
  await turn({ mesh: noted.mesh });
  expect(noted.urgent).toEqual([true, true, true]);
});
