import { describe, expect, it } from 'vitest';
import { slots } from '../../src/rollout/slots.ts';

/** Two slots, and who is in them; whoever is named ends its turn. */
function twoSlots() {
  const room = slots(2);
  const running: string[] = [];
  const leaves = new Map<string, () => void>();
  const come = (name: string, asking: 'sweep' | 'alarm') =>
    room.enter(asking).then((leave) => {
      running.push(name);
      leaves.set(name, leave);
    });
  const end = async (name: string) => {
    running.splice(running.indexOf(name), 1);
    leaves.get(name)?.();
    await Promise.resolve();
    await Promise.resolve();
    await Promise.resolve();
  };
  return { room, running, come, end };
}

describe('slots for turns', () => {
  it('are so many and no more, and the alarm that waits longest is next', async () => {
    const { room, running, come, end } = twoSlots();
    const all = Promise.all(['a', 'b', 'c', 'd'].map((name) => come(name, 'alarm')));
    await end('nobody yet');
    expect([running, room.free()]).toEqual([['a', 'b'], 0]);
    await end('a');
    expect(running).toEqual(['b', 'c']);
    await end('b');
    expect(running).toEqual(['c', 'd']);
    await end('c');
    await end('d');
    expect([running, room.free()]).toEqual([[], 2]);
    await all;
  });

  it('go to a sweep before alarms that wait already: it knows what goes back', async () => {
    const { running, come, end } = twoSlots();
    const asked = ['a', 'b', 'c'].map((name) => come(name, 'alarm'));
    const all = Promise.all([...asked, come('sweep', 'sweep')]);
    await end('nobody yet');
    await end('a');
    expect(running).toEqual(['b', 'sweep']);
    await end('sweep');
    expect(running).toEqual(['b', 'c']);
    await all;
  });
});
