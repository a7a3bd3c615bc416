import type { EventSeen, RolloutSeen } from '../../demo/client.ts';
import { type Client, createSession } from '../../demo/live/session.ts';
import type { World } from '../../demo/live/world.ts';
import { baking } from './states.ts';

/** A canaryd and a world that only remember what was asked of them. */
export function fakeWorld() {
  const done: string[] = [];
  const events: EventSeen[] = [];
  const now = { ms: Date.parse('2026-11-23T05:46:00.000Z') };
  const canaryd = {
    release: { ...baking },
    refusal: null as null | { status: number; text: string },
    isDown: false,
  };
  const ifUp = () => {
    if (canaryd.isDown) throw new Error('fetch failed');
  };
  const client: Client = {
    create: async (body) => {
      ifUp();
      const subset = /"subset":"(v\d)"/.exec(JSON.stringify(body))?.[1] ?? '';
      done.push(`create ${subset}`);
      const id = `${canaryd.release.id}1`;
      canaryd.release = {
        ...baking,
        id,
        versions: { stable: canaryd.release.versions.stable, canary: subset },
      };
      return canaryd.release;
    },
    act: async (_id, action) => {
      ifUp();
      done.push(action);
      return canaryd.refusal ?? { status: 200, text: '{}' };
    },
    find: async () => {
      ifUp();
      return canaryd.release;
    },
    eventsAfter: async (_id, seq) => events.filter((event) => event.seq > seq),
  };
  const world: World = {
    break: (version, fault) => void done.push(`break ${version} ${fault}`),
    heal: (version, fault) => void done.push(`heal ${version} ${fault ?? 'all'}`),
    freezePrometheus: () => void done.push('freeze'),
    thawPrometheus: () => void done.push('thaw'),
    letCallersReach: (version) => void done.push(`callers reach ${version ?? 'all'}`),
  };
  const session = createSession({ client, world, nowMs: () => now.ms });
  return {
    done,
    events,
    now,
    canaryd,
    session,
    become: (change: Partial<RolloutSeen>) => {
      canaryd.release = { ...canaryd.release, ...change };
      return session.look();
    },
    lastWords: () => session.memory().decisions.at(-1)?.text,
  };
}

export function event(seq: number, type: string, at: string, facts: EventSeen['facts'] = {}): EventSeen {
  return { seq, type, at: `2026-11-23T${at}.000Z`, message: `${type}.`, facts };
}
