import { openJudge } from '../../src/analysis/sequential/open-judge.ts';
import { withPoll } from '../../src/analysis/sequential/with-poll.ts';
import { median } from './figures.ts';
import { pollOf, settingsFor } from './ours.ts';
import { randomFor } from './random.ts';
import { record } from './recording.ts';
import type { Scenario } from './service.ts';
import { polls, stepSeconds } from './setting.ts';

/** Microseconds: for one poll of one rollout, and for the half hour of history before the first. */
export type Speed = { poll: number; open: number };

const warmUps = 20;
const measured = 40;

/** Medians over rollouts of this scenario, played to their end, after some that only warm up. */
export function speedOf(scenario: Scenario, seed: number): Speed {
  const times = Array.from({ length: warmUps + measured }, (_, number) => timeOf(scenario, seed, number));
  const counted = times.slice(warmUps);
  return { poll: median(counted.map(({ poll }) => poll)), open: median(counted.map(({ open }) => open)) };
}

function timeOf(scenario: Scenario, seed: number, number: number): Speed {
  const recording = record(randomFor(seed, `speed ${scenario.name}`, number), scenario);
  const increments = Array.from({ length: polls }, (_, poll) => pollOf(recording, poll));
  const settings = settingsFor(scenario.limits);
  const begin = performance.now();
  let state = openJudge(recording.baseline, settings);
  const opened = performance.now();
  for (const poll of increments) state = withPoll(state, poll, settings, { seconds: stepSeconds }).state;
  const end = performance.now();
  return { open: 1000 * (opened - begin), poll: (1000 * (end - opened)) / polls };
}
