import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Crash, crashes, crashPoints } from '../crash/points.ts';
import { type CrashStage, playCrashes, type Story } from '../crash/stage.ts';

let stories: Map<string, Story>;
let stage: CrashStage;

beforeAll(async () => {
  stage = await playCrashes(crashes, leaseSeconds);
  stories = stage.stories;
}, 120_000);

afterAll(() => stage?.close(), 30_000);

/** Shorter than in earnest, where nobody waits for it. */
const leaseSeconds = 2;
/** The sweep's longest rest, the lease, and a turn on a busy machine. */
const longestMs = 6250 + leaseSeconds * 1000 + 4000;

const onward = crashes.filter(({ direction }) => direction === 'on');
const backward = crashes.filter(({ direction }) => direction === 'back');

it('a worker that stands at every point of a turn at once is gone when it is killed', () => {
  expect(stage.signal).toBe('SIGKILL');
  expect(stories.size).toBe(crashes.length);
});

describe('a worker is killed while a rollout goes forward, and another one takes over:', () => {
  it.each(named(onward))('%s', (_what, { service }) => {
    const story = storyOf(service);
    expect(story.status).toBe('succeeded');
    expect(story.shares).toEqual([0, 20, 100]);
    expect(story.moves).toEqual([
      [0, 20],
      [20, 100],
    ]);
    expectWhole(story, 'rollout.succeeded');
  });
});

describe('a worker is killed while a rollout goes back, and another one takes over:', () => {
  it.each(named(backward))('%s', (_what, { service }) => {
    const story = storyOf(service);
    expect(story.status).toBe('rolled_back');
    expect(story.shares).toEqual([0, 20, 0]);
    expect(story.moves).toEqual([
      [0, 20],
      [20, 0],
    ]);
    expectWhole(story, 'rollout.rolled_back');
  });
});

function named(list: Crash[]): [string, Crash][] {
  return list.map((crash) => [`${crash.point}: ${crashPoints[crash.point]}`, crash]);
}

function storyOf(service: string): Story {
  const story = stories.get(service);
  if (story === undefined) throw new Error(`${service} was not played`);
  return story;
}

function expectWhole({ epochs, seqs, types, left, takenOverMs }: Story, end: string) {
  expect(epochs).toEqual([...epochs].sort((a, b) => a - b));
  expect(seqs).toEqual(seqs.map((_seq, index) => index + 1));
  expect(types.filter((type) => type === end)).toHaveLength(1);
  expect(types.at(-1)).toBe(end);
  expect(left).toEqual({ intent: null, lease: null });
  expect(takenOverMs ?? 0).toBeLessThan(longestMs);
}
