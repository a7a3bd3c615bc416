import { z } from 'zod';
import type { EventSeen, RolloutSeen } from '../client.ts';
import { livePlan, targetOf, versions } from '../scenarios.ts';
import { type Binding, bindings, type Deed } from './keys.ts';
import { type Fault, firstMemory, type Memory, withDeed, withRelease, withSight } from './memory.ts';
import { brokenWords, healedWords, policyWords, type World } from './world.ts';

/** What the live view asks of canaryd, over HTTP. */
export type Client = {
  create(body: unknown): Promise<RolloutSeen>;
  act(id: string, action: string): Promise<{ status: number; text: string }>;
  find(id: string): Promise<RolloutSeen>;
  eventsAfter(id: string, seq: number): Promise<EventSeen[]>;
};

export type Session = {
  memory(): Memory;
  /** Reads the present release; what goes wrong becomes a sentence on the screen. */
  look(): Promise<void>;
  /** Does what a key says. True when that is to quit. */
  press(key: string): Promise<boolean>;
};

type Room = { client: Client; world: World; nowMs: () => number; memory: Memory };

/** One sitting before the live view. Nothing happens until `press('n')` starts the first release. */
export function createSession(outside: Omit<Room, 'memory'>): Session {
  const room: Room = { ...outside, memory: firstMemory(versions[0]) };
  return { memory: () => room.memory, look: () => look(room), press: (key) => press(room, key) };
}

async function look(room: Room): Promise<void> {
  const { client, memory } = room;
  const { release, events } = memory;
  if (release === null) return;
  try {
    const seen = await client.find(release.id);
    const fresh = await client.eventsAfter(release.id, events.at(-1)?.seq ?? 0);
    room.memory = withSight(room.memory, seen, fresh);
  } catch (error) {
    room.memory = { ...room.memory, trouble: `canaryd does not answer: ${messageOf(error)}` };
  }
}

async function press(room: Room, key: string): Promise<boolean> {
  const binding = bindings(room.memory).find((one) => one.key === key);
  if (binding?.whyNot === null) return perform(room, binding.deed);
  say(room, refusal(key, binding));
  return false;
}

async function perform(room: Room, deed: Deed): Promise<boolean> {
  if (deed.kind === 'fault') toggle(room, deed.fault);
  if (deed.kind === 'prometheus') togglePrometheus(room);
  if (deed.kind === 'policy') togglePolicy(room);
  if (deed.kind === 'start') await start(room);
  if (deed.kind === 'access') room.memory = { ...room.memory, showsAccess: !room.memory.showsAccess };
  if (deed.kind === 'act') await act(room, deed.action);
  return deed.kind === 'quit';
}

async function start(room: Room): Promise<void> {
  const { faults, stable } = room.memory;
  const canary = nextVersion(stable);
  for (const version of versions) room.world.heal(version);
  room.memory = { ...room.memory, faults: new Set(), isStarting: true };
  try {
    const order = { target: targetOf(canary), plan: livePlan, reason: 'live demo' };
    const release = await room.client.create(order);
    room.memory = withRelease(room.memory, release);
    const healed = faults.size === 0 ? '' : ' Every version is healthy again.';
    say(room, `You started a release: ${stable} to ${canary}.${healed}`);
  } catch (error) {
    room.memory = { ...room.memory, isStarting: false };
    say(room, `canaryd did not take the release: ${messageOf(error)}`);
  }
}

async function act(room: Room, action: string): Promise<void> {
  const id = room.memory.release?.id;
  if (id === undefined) return;
  try {
    const { status, text } = await room.client.act(id, action);
    say(
      room,
      status < 300 ? `You asked for it: ${action}.` : `canaryd refused to ${action}: ${detailOf(text)}`,
    );
  } catch (error) {
    say(room, `canaryd does not answer: ${messageOf(error)}`);
  }
  await look(room);
}

function toggle(room: Room, fault: Fault): void {
  const canary = room.memory.release?.versions.canary ?? '';
  const faults = new Set(room.memory.faults);
  if (faults.delete(fault)) {
    room.world.heal(canary, fault);
    say(room, `You healed ${canary}: ${healedWords[fault]}.`);
  } else {
    faults.add(fault);
    room.world.break(canary, fault);
    say(room, `You broke ${canary}: ${brokenWords[fault]}.`);
  }
  room.memory = { ...room.memory, faults };
}

function togglePrometheus(room: Room): void {
  const isFrozen = room.memory.frozenSinceMs !== null;
  if (isFrozen) room.world.thawPrometheus();
  else room.world.freezePrometheus();
  room.memory = { ...room.memory, frozenSinceMs: isFrozen ? null : room.nowMs() };
  say(
    room,
    isFrozen ? 'You mended Prometheus: it goes on.' : 'You broke Prometheus: its process stands still.',
  );
}

function togglePolicy(room: Room): void {
  const { leavesCanaryOut, stable } = room.memory;
  room.world.letCallersReach(leavesCanaryOut ? null : stable);
  room.memory = { ...room.memory, leavesCanaryOut: !leavesCanaryOut };
  say(
    room,
    leavesCanaryOut
      ? 'You mended the AuthorizationPolicy: it selects every version again.'
      : `You broke a policy: ${policyWords(stable)}. n shows what canaryd makes of it.`,
  );
}

function say(room: Room, text: string): void {
  room.memory = withDeed(room.memory, new Date(room.nowMs()).toISOString(), text);
}

function refusal(key: string, binding: Binding | undefined): string {
  if (binding === undefined) return `There is no key ${key}: the keys are at the bottom.`;
  return `${key} (${binding.label}) makes no sense now: ${binding.whyNot}.`;
}

/** The winner of one release is the stable of the next. */
const after: Record<string, string> = Object.fromEntries(
  versions.map((version, index) => [version, versions[(index + 1) % versions.length] ?? version]),
);

function nextVersion(stable: string): string {
  return after[stable] ?? versions[0];
}

const Problem = z.looseObject({ detail: z.string() });

/** The sentence of a problem (RFC 9457), else the text as it came. */
function detailOf(text: string): string {
  try {
    return Problem.parse(JSON.parse(text)).detail;
  } catch {
    return text;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
