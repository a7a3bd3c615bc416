import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { folder, readFixture, readRecordings } from './k8s-recording.ts';
import { replay } from './k8s-replay.ts';
import { openStage, type Stage } from './k8s-stage.ts';

const recordings = readRecordings();

/** Rows that are played as a whole, in k8s-scenarios.test.ts. */
const Scenarios = z.array(z.looseObject({ recording: z.string(), name: z.string() }));

describe.each(recordings)('recorded exchanges of $recording', (recording) => {
  let stage: Stage;

  beforeAll(async () => {
    stage = await openStage(recording.initial);
  });
  afterAll(() => stage.server.close());

  it.each(recording.exchanges)('$name gives the recorded status, reason and effect', (exchange) =>
    replay(stage, recording.webhook, exchange));
});

describe('the list of recorded exchanges', () => {
  const replayed = recordings.flatMap(({ recording, exchanges }) =>
    exchanges.map(({ name }) => `${recording}\t${name.replace(/#\d+$/, '')}`),
  );
  const scenarios = ['client-watches', 'tallies'].flatMap((name) =>
    Scenarios.parse(readFixture(`scenarios/${name}.json`)).map((one) => `${one.recording}\t${one.name}`),
  );
  replayed.push(...scenarios);
  const leftOut = readFileSync(new URL('left-out.tsv', folder), 'utf8').trimEnd().split('\n').slice(1);

  it('replays at least 450 exchanges', () => {
    expect(new Set(replayed).size).toBeGreaterThanOrEqual(450);
  });

  it('gives a reason for every row that is left out', () => {
    for (const row of leftOut) expect(row.split('\t')).toHaveLength(3);
    expect(leftOut.filter((row) => (row.split('\t')[2] ?? '').length < 10)).toEqual([]);
  });

  it('accounts for every row of the index exactly once', () => {
    const index = readFileSync(new URL('index.tsv', folder), 'utf8').trimEnd().split('\n');
    const left = leftOut.map((row) => row.split('\t').slice(0, 2).join('\t'));
    expect([...new Set(replayed), ...left].sort()).toEqual([...index].sort());
  });
});
