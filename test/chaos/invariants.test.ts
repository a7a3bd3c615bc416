import { describe, expect, it } from 'vitest';
import type { Evidence } from './evidence.ts';
import { judgeEnd, judgeLeftBehind, judgeSoFar } from './invariants.ts';

type Told = [type: string, actor?: string, facts?: object];

/** Each row a second after the one before, each write half a second before the row of its place, counted from 1. */
function evidence(told: Told[], written: [place: number, share: number, epoch: number][]): Evidence {
  return {
    id: 'ro_1',
    service: 'cards',
    canary: 'green',
    status: 'succeeded',
    ended: true,
    first: 0,
    epoch: 9,
    late: null,
    rows: told.map(([type, actor_kind = 'system', facts = {}], index) => {
      const seq = index + 1;
      return { rollout_id: 'ro_1', seq, at: seq * 1000, type, actor_kind, facts };
    }),
    writes: written.map(([place, share, epoch]) => ({
      at: place * 1000 - 500,
      service: 'cards',
      rolloutId: 'ro_1',
      epoch,
      byCanaryd: true,
      shares: {},
      share,
    })),
  };
}

function moved(from: number, to: number, type = 'weight.applied'): Told {
  return [type, 'system', { from, to }];
}

const promoted = evidence(
  [
    ['rollout.created', 'person'],
    moved(0, 20),
    ['step.completed'],
    moved(20, 50),
    ['step.completed'],
    moved(50, 100),
    ['rollout.succeeded'],
  ],
  [
    [2, 20, 2],
    [4, 50, 4],
    [6, 100, 6],
  ],
);

const takenBack = evidence(
  [
    ['rollout.created', 'person'],
    moved(0, 20),
    ['rollout.rolling_back', 'person'],
    moved(20, 0),
    ['rollout.rolled_back'],
  ],
  [
    [2, 20, 2],
    [4, 0, 5],
  ],
);

/** The rollback that somebody asked for while a write was on its way whose answer was lost. */
const foundOnTheWayBack = evidence(
  [
    ['rollout.created', 'person'],
    ['rollout.rolling_back', 'person'],
    moved(0, 20, 'weight.found'),
    moved(20, 0),
    ['rollout.rolled_back'],
  ],
  [
    [2, 20, 2],
    [4, 0, 5],
  ],
);

const landedLate = evidence(
  [
    ['rollout.created', 'person'],
    ['weight.intended', 'system', { from: 0, to: 20 }],
    ['rollout.rolling_back', 'person'],
    ['rollout.rolled_back'],
  ],
  [
    [3.6, 20, 2],
    [4, 0, 3],
  ],
);

const backFromSuccess = {
  ...evidence([['rollout.rolling_back', 'person'], moved(100, 0), ['rollout.rolled_back']], [[2, 0, 1]]),
  first: 100,
};

const cancelled = evidence(
  [
    ['rollout.created', 'person'],
    ['rollout.cancelled', 'person'],
  ],
  [],
);

describe('what is as it should be is no violation:', () => {
  it.each([
    ['a release that was promoted', promoted],
    ['one that a person took back', takenBack],
    ['one whose weight was found on the way back', foundOnTheWayBack],
    ['one that was cancelled', cancelled],
    ['the way back from a success', backFromSuccess],
    ['a weight that landed late and was taken back before anybody could see it', landedLate],
    ['somebody else who edits an object whose rollout has ended', withEdit(takenBack)],
    ['a promotion by a person that skips steps', promotedByPerson()],
  ])('%s', (_what, history) => {
    expect(judgeEnd([history])).toEqual([]);
  });
});

describe('each promise that is broken is found:', () => {
  it.each<[string, Evidence, RegExp]>([
    ['a turn that was overtaken writes', withWrite(promoted, 1, { epoch: 1 }), /stale turn/],
    ['a step is skipped', withWrite(promoted, 0, { share: 50 }), /step was skipped/],
    [
      'it goes forward after it was taken back',
      withRows(takenBack, 3, [['step.started']]),
      /forward after rolling_back/,
    ],
    [
      'weight is told as raised after it was taken back',
      withRows(takenBack, 4, [moved(0, 20)]),
      /forward after rolling_back/,
    ],
    [
      'the canary gets traffic again after it went back',
      { ...takenBack, writes: [...takenBack.writes, late(takenBack, 4.7, 20)] },
      /got 20 % again/,
    ],
    [
      'an end is told that is not so',
      { ...takenBack, writes: takenBack.writes.slice(0, 1) },
      /recorded while the canary had 20 %/,
    ],
    [
      'a write lands after the end',
      { ...takenBack, writes: [...takenBack.writes, late(takenBack, 6, 0)] },
      /landed after rollout.rolled_back/,
    ],
    [
      'what a person paused goes on by itself',
      withRows(promoted, 2, [['rollout.paused', 'person']]),
      /a person had paused it/,
    ],
    ['a row of the audit log is gone', withoutRow(promoted, 3), /has a gap/],
    ['it ends twice', withRows(promoted, 7, [['rollout.rolled_back']]), /tells of 2 ends/],
    ['a move is told that begins elsewhere', withRows(promoted, 2, [moved(0, 20)]), /after 20 %/],
    ['it never ends', { ...promoted, ended: false, status: 'running' }, /came to no end/],
    ['a weight is not told of', withoutMove(promoted, 3), /audit log tells of 20,100 %/],
    [
      'a weight is not told of that stood for longer than a turn',
      {
        ...landedLate,
        writes: landedLate.writes.map((write) => (write.share > 0 ? { ...write, at: -20_000 } : write)),
      },
      /mesh went to 20,0 %/,
    ],
    ['a weight is not told of that nobody intended', withoutIntent(landedLate), /mesh went to 20,0 %/],
    [
      'a weight is told of that never was',
      { ...promoted, writes: promoted.writes.filter(({ share }) => share !== 50) },
      /mesh went to 20,100 %/,
    ],
  ])('%s', (_what, history, says) => {
    expect(
      judgeEnd([history])
        .map((violation) => violation.says)
        .join('; '),
    ).toMatch(says);
  });

  it('nobody takes a turn that is due', () => {
    const waiting = { ...promoted, ended: false, status: 'running', late: 11 };
    expect(judgeLeftBehind([waiting], 10)).toHaveLength(1);
    expect(judgeLeftBehind([{ ...waiting, late: 10 }], 10)).toEqual([]);
    expect(judgeLeftBehind([{ ...waiting, ended: true }], 10)).toEqual([]);
  });
});

it('what a person paused may go on by his word', () => {
  const rows: Told[] = [
    ['rollout.paused', 'person'],
    ['rollout.resumed', 'person'],
  ];
  expect(judgeSoFar([withRows(promoted, 2, rows)])).toEqual([]);
});

it('a rollout that still runs has not come to its end, and is no violation yet', () => {
  const running = { ...promoted, ended: false, status: 'running', rows: promoted.rows.slice(0, 3) };
  expect(judgeSoFar([{ ...running, writes: promoted.writes.slice(0, 1) }])).toEqual([]);
});

it('a rollout that waits for a person may wait beyond the end of a run', () => {
  const rows = withRows(evidence([['rollout.created', 'person']], []), 1, [['rollout.paused']]).rows;
  expect(judgeEnd([{ ...cancelled, ended: false, status: 'paused', rows }])).toEqual([]);
});

function withWrite(history: Evidence, at: number, change: { share?: number; epoch?: number }): Evidence {
  const writes = history.writes.map((write, index) => (index === at ? { ...write, ...change } : write));
  return { ...history, writes };
}

/** The same with rows after so many; later ones move on. */
function withRows(history: Evidence, after: number, told: Told[]): Evidence {
  const more = evidence(told, []).rows.map((row, index) => ({
    ...row,
    seq: after + index + 1,
    at: after * 1000 + index + 1,
  }));
  const later = history.rows.slice(after).map((row) => ({ ...row, seq: row.seq + told.length }));
  return { ...history, rows: [...history.rows.slice(0, after), ...more, ...later] };
}

function withoutRow(history: Evidence, at: number): Evidence {
  return { ...history, rows: history.rows.filter((_row, index) => index !== at) };
}

/** The row of a weight is another row, and the next one begins where the one before ended. */
function withoutMove(history: Evidence, at: number): Evidence {
  const rows = history.rows.map((row, index) => {
    if (index === at) return { ...row, type: 'weight.intended' };
    return index === at + 2 ? { ...row, facts: { from: 20, to: 100 } } : row;
  });
  return { ...history, rows };
}

function withoutIntent(history: Evidence): Evidence {
  const rows = history.rows.map((row, index) => (index === 1 ? { ...row, type: 'step.started' } : row));
  return { ...history, rows };
}

function late({ writes }: Evidence, place: number, share: number): Evidence['writes'][number] {
  const [write] = writes;
  if (write === undefined) throw new Error('nothing was written');
  return { ...write, at: place * 1000, share, epoch: 8 };
}

function withEdit(history: Evidence): Evidence {
  return { ...history, writes: [...history.writes, { ...late(history, 7, 0), byCanaryd: false }] };
}

function promotedByPerson(): Evidence {
  return evidence(
    [
      ['rollout.created', 'person'],
      moved(0, 20),
      ['rollout.promoting', 'person'],
      moved(20, 100),
      ['rollout.succeeded'],
    ],
    [
      [2, 20, 2],
      [4, 100, 4],
    ],
  );
}
