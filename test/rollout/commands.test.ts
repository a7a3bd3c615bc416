import { describe, expect, it } from 'vitest';
import { allowedActions } from '../../src/rollout/allowed-actions.ts';
import type { Action, Command, RefusalCode } from '../../src/rollout/command.ts';
import type { Obedience } from '../../src/rollout/obedience.ts';
import type { Status } from '../../src/rollout/rollout.ts';
import { alice, baking, drive, mood, start } from './drive.ts';
import { type Driven, everyPlace, places, planOf } from './places.ts';

const forbidden = { kind: 'unavailable', reason: 'forbidden', why: 'may not patch' } as const;
const five = { type: 'setWeight', weight: 5 };
const minute = { type: 'bake', duration: '60s' };
const override = { override: ['checks' as const], reason: 'CHG0041234' };
const actions = ['pause', 'resume', 'advance', 'promote', 'rollback', 'cancel'] as const satisfies Action[];

/** A rollout in every state that the wire knows once its turn has come. */
const states: Record<Exclude<Status, 'scheduled'>, () => Promise<Driven>> = {
  preflight: async () => drive(),
  running: () => places.running(),
  holding: () => places.holding(),
  paused: () => places.paused(),
  awaiting_approval: () => places.awaiting_approval(),
  promoting: () => places.promoting(),
  rolling_back: () => after(baking(), (driven) => driven.say({ action: 'rollback' })),
  succeeded: () => after(baking(), (driven) => driven.run(400)),
  rolled_back: () =>
    after(baking(), async (driven) => {
      driven.say({ action: 'rollback' });
      await driven.turn();
    }),
  rollback_failed: () => after(baking(), (driven) => driven.run(180, { view: { kind: 'missing' } })),
  preflight_failed: () => after(drive(), (driven) => driven.turn({ view: { kind: 'missing' } })),
  cancelled: () => after(drive(), (driven) => driven.say({ action: 'cancel' })),
};

async function after(driven: Driven | Promise<Driven>, deed: (driven: Driven) => unknown): Promise<Driven> {
  const done = await driven;
  await deed(done);
  return done;
}

type Answer = 'obeyed' | RefusalCode;

function answerOf(obedience: Obedience): Answer {
  return obedience.kind === 'refused' ? obedience.refusal.code : 'obeyed';
}

function messageOf(obedience: Obedience): string {
  return obedience.kind === 'refused' ? obedience.refusal.message : '';
}

const no = 'invalid-transition';
const proof = 'gate-not-ready';
const nothing: Answer[] = [no, no, no, no, no, no];
/** In the order pause, resume, advance, promote, rollback, cancel; the checks have not passed anywhere. */
const table: Record<Exclude<Status, 'scheduled'>, Answer[]> = {
  preflight: [no, no, no, no, 'obeyed', 'obeyed'],
  running: ['obeyed', no, proof, proof, 'obeyed', no],
  holding: ['obeyed', no, proof, proof, 'obeyed', no],
  paused: [no, 'obeyed', proof, proof, 'obeyed', no],
  awaiting_approval: [no, no, no, no, 'obeyed', no],
  promoting: ['obeyed', no, no, proof, 'obeyed', no],
  rolling_back: [no, no, no, no, 'obeyed', no],
  succeeded: nothing,
  rolled_back: [no, no, no, no, 'obeyed', no],
  rollback_failed: nothing,
  preflight_failed: nothing,
  cancelled: nothing,
};
const everyStatus = Object.entries(states).map(([status]) => status);

describe.each(Object.entries(states))('a rollout that is %s', (status, build) => {
  it('is in that state', async () => {
    expect((await build()).status()).toBe(status);
  });

  it('obeys what it may and refuses the rest with the reason', async () => {
    const driven = await build();
    const before = driven.world.rollout;
    const answers = actions.map((action) => {
      driven.world.rollout = before;
      return answerOf(driven.say({ action }));
    });
    expect(Object.entries(table).find(([name]) => name === status)?.[1]).toEqual(answers);
  });

  it('offers exactly what it does not always refuse', async () => {
    const driven = await build();
    const before = driven.world.rollout;
    const accepted = actions.filter((action) => {
      driven.world.rollout = before;
      const command: Command =
        action === 'advance' || action === 'promote' ? { action, ...override } : { action };
      return driven.say(command).kind !== 'refused';
    });
    // Decisions have their own tests, and rolling back what was rolled back changes nothing.
    // A succeeded one is taken back by a new rollout.
    const isElsewhere = (action: Action) =>
      action === 'approve' || action === 'reject' || (action === 'rollback' && status === 'succeeded');
    const offered = allowedActions(before).filter((action) => !isElsewhere(action));
    expect(accepted.filter((action) => action !== 'rollback' || status !== 'rolled_back').sort()).toEqual(
      offered.sort(),
    );
  });
});

describe('a refusal', () => {
  it('is nothing but words: the rollout is as it was', async () => {
    const driven = await places.running();
    const { rollout, events } = driven.world;
    const count = events.length;
    driven.say({ action: 'cancel' });
    expect(driven.world.rollout).toBe(rollout);
    expect(driven.world.events).toHaveLength(count);
  });

  it('says what the rollout accepts instead', async () => {
    const driven = await places.running();
    expect(messageOf(driven.say({ action: 'cancel' }))).toBe(
      'A rollout that is running cannot be cancelled. It accepts pause, advance, promote, rollback.',
    );
  });

  it('after the end says that there is no way back', async () => {
    const driven = await states.rolled_back();
    expect(messageOf(driven.say({ action: 'resume' }))).toBe(
      'A rollout that is rolled back cannot be resumed. It has ended and never reopens; create a new rollout.',
    );
  });
});

describe('a command that says what it expects', () => {
  it('is obeyed when that is what is there', async () => {
    const driven = await places.running();
    const { revision } = driven.world.rollout;
    expect(driven.say({ action: 'pause', expect: { revision, stepIndex: 1 } }).kind).toBe('obeyed');
  });

  it.each(
    everyStatus,
  )('is refused as stale in %s, whatever it asks for, when that has changed', async (status) => {
    const build = Object.entries(states).find(([name]) => name === status)?.[1] ?? states.running;
    const driven = await build();
    const revision = driven.world.rollout.revision + 1;
    for (const action of actions) {
      expect(answerOf(driven.say({ action, expect: { revision } }))).toBe('stale-view');
      expect(answerOf(driven.say({ action, expect: { stepIndex: 9 } }))).toBe('stale-view');
    }
  });

  it('is not made stale by a measurement', async () => {
    const driven = await baking();
    const { revision } = driven.world.rollout;
    await driven.run(60);
    expect(driven.say({ action: 'pause', expect: { revision } }).kind).toBe('obeyed');
  });

  it('is told where the rollout is by now', async () => {
    const driven = await baking();
    expect(messageOf(driven.say({ action: 'advance', expect: { stepIndex: 0 } }))).toBe(
      `The rollout is at revision ${driven.world.rollout.revision} at step index 1 by now. Look again and repeat the action if it still holds.`,
    );
  });
});

describe('going on before every check has passed', () => {
  it.each([
    'advance',
    'promote',
  ] as const)('by %s is refused, with the way to do it all the same', async (action) => {
    const driven = await places.running();
    expect(messageOf(driven.say({ action }))).toBe(
      `Not every check has passed at 5 % yet. Wait, or send {"override":["checks"],"reason":"..."} to ${action} without that proof; the guards still hold and roll back.`,
    );
  });

  it.each(['advance', 'promote'] as const)('by %s needs a reason', async (action) => {
    const driven = await places.running();
    const answer = driven.say({ action, override: ['checks'] });
    expect(answerOf(answer)).toBe('override-needs-reason');
  });

  it.each(['advance', 'promote'] as const)('by %s is written down with who and why', async (action) => {
    const driven = await places.running();
    driven.say({ action, ...override });
    const row = driven.world.events.find(({ facts }) => 'override' in facts);
    expect(row).toMatchObject({ actor: alice, facts: { override: ['checks'], reason: 'CHG0041234' } });
  });

  it('in a hold is refused with what holds, although every check has passed', async () => {
    const driven = await baking();
    await driven.run(60);
    driven.pods.stable = { kind: 'known', ready: 1, total: 3 };
    await driven.run(10);
    expect(messageOf(driven.say({ action: 'advance' }))).toMatch(
      /^The rollout holds: stable has 1 of 3 pods ready, 3 are needed to be able to go back\. Wait, or send/,
    );
  });

  it('does not silence a guard', async () => {
    const driven = await baking();
    driven.canary({ ...mood.healthy, errorRatio: 0.05 });
    await driven.run(10);
    driven.say({ action: 'advance', ...override });
    await driven.run(10);
    expect(driven.status()).toBe('rolled_back');
  });
});

describe('advance', () => {
  it('ends a bake early once every check has passed on a full window', async () => {
    const driven = await places.running();
    await driven.run(59);
    expect(answerOf(driven.say({ action: 'advance' }))).toBe('gate-not-ready');
    await driven.run(1);
    expect(driven.say({ action: 'advance' }).kind).toBe('obeyed');
    await driven.run(1);
    expect(driven.status()).toBe('succeeded');
  });

  it('goes on from a pause of the plan', async () => {
    const plan = planOf([
      five,
      minute,
      { type: 'pause' },
      { type: 'setWeight', weight: 20 },
      minute,
      { type: 'promote' },
    ]);
    const driven = await baking({ plan });
    await driven.run(100);
    driven.say({ action: 'advance' });
    await driven.run(1);
    expect([driven.status(), driven.world.share]).toEqual(['running', 20]);
  });

  it('needs no proof while the canary has no traffic', async () => {
    const driven = await baking({ plan: planOf([{ type: 'pause' }, five, minute, { type: 'promote' }]) });
    driven.say({ action: 'advance' });
    await driven.run(1);
    expect(driven.world.share).toBe(5);
  });

  it('skips no weight', async () => {
    const driven = drive();
    await driven.turn({ write: forbidden });
    expect(messageOf(driven.say({ action: 'advance', ...override }))).toContain('This step sets a weight');
  });
});

describe('promote', () => {
  it('leaves out what is left of the plan, and still bakes at 100 %', async () => {
    const driven = await baking();
    driven.say({ action: 'promote', ...override });
    await driven.run(1);
    expect([driven.status(), driven.world.share]).toEqual(['promoting', 100]);
    await driven.run(70);
    expect(driven.status()).toBe('succeeded');
  });

  it('tells of a raise that was on its way and has landed unanswered', async () => {
    const steps = [
      { type: 'setWeight', weight: 5 },
      { type: 'bake', duration: '60s' },
      { type: 'setWeight', weight: 20 },
      { type: 'bake', duration: '60s' },
      { type: 'promote' },
    ];
    const driven = await baking({ plan: planOf(steps) });
    while (driven.world.share < 20) await driven.run(1, { write: 'lost' });
    driven.say({ action: 'promote', ...override });
    await driven.turn();
    const told = driven.world.events.filter(({ type }) => type.startsWith('weight.'));
    expect(told.slice(-3).map(({ type, facts }) => [type, facts['from'], facts['to']])).toEqual([
      ['weight.found', 5, 20],
      ['weight.intended', 20, 100],
      ['weight.applied', 20, 100],
    ]);
  });

  it('ends the last bake, once every check has passed on a full window', async () => {
    const driven = await places.promoting();
    await driven.run(59);
    expect(answerOf(driven.say({ action: 'promote' }))).toBe('gate-not-ready');
    await driven.run(1);
    expect(driven.say({ action: 'promote' }).kind).toBe('obeyed');
    await driven.run(1);
    expect([driven.status(), driven.world.writes.at(-1)]).toEqual(['succeeded', { share: 100, end: true }]);
  });

  it('ends the last bake without proof on a reason', async () => {
    const driven = await places.promoting();
    driven.say({ action: 'promote', ...override });
    await driven.run(1);
    expect([driven.status(), driven.world.share]).toEqual(['succeeded', 100]);
  });

  it('ends a last bake that waits for traffic, on a reason', async () => {
    const driven = await places.promoting();
    driven.canary({ ...mood.healthy, requests: 5 });
    driven.stable(mood.idle);
    await driven.run(100);
    expect(driven.world.rollout.state).toMatchObject({ kind: 'holding', reason: { kind: 'noTraffic' } });
    expect(messageOf(driven.say({ action: 'promote' }))).toMatch(/^The rollout holds: /);
    driven.say({ action: 'promote', ...override });
    await driven.run(1);
    expect([driven.status(), driven.world.share]).toEqual(['succeeded', 100]);
  });

  it('again before 100 % is reached keeps the last bake', async () => {
    const driven = await baking();
    driven.say({ action: 'promote', ...override });
    await driven.run(1, { write: { kind: 'conflict' } });
    driven.say({ action: 'promote', ...override });
    await driven.run(2);
    expect([driven.status(), driven.world.share]).toEqual(['promoting', 100]);
    expect(driven.world.rollout.plan.steps.at(-1)).toEqual({ type: 'promote', bake: 60 });
    await driven.run(57);
    expect(driven.status()).toBe('promoting');
  });

  it('again at 100 % ends the bake, and whoever looked before is told that the plan has changed', async () => {
    const driven = await baking();
    driven.say({ action: 'promote', ...override });
    await driven.run(1);
    const { revision } = driven.world.rollout;
    driven.say({ action: 'promote', ...override });
    expect(driven.world.rollout.revision).toBe(revision + 1);
    expect(driven.world.rollout.state).toMatchObject({ position: { bakeEnded: true } });
    await driven.run(1);
    expect([driven.status(), driven.world.share]).toEqual(['succeeded', 100]);
  });

  it('does not silence a guard at 100 %', async () => {
    const driven = await places.promoting();
    driven.canary({ ...mood.healthy, errorRatio: 0.05 });
    await driven.run(10);
    driven.metrics.breakDown();
    await driven.run(10);
    driven.say({ action: 'promote', ...override });
    await driven.run(1);
    expect([driven.status(), driven.world.share]).toEqual(['holding', 100]);
    driven.metrics.restore();
    await driven.run(10);
    expect([driven.status(), driven.world.share]).toEqual(['rolled_back', 0]);
  });
});

describe('a pause by a person', () => {
  it('keeps the weight for as long as it lasts, and the time that the bake still had', async () => {
    const driven = await baking();
    await driven.run(40);
    driven.say({ action: 'pause', reason: 'lunch' });
    await driven.run(3600);
    expect([driven.status(), driven.world.share]).toEqual(['paused', 5]);
    driven.say({ action: 'resume' });
    await driven.run(19);
    expect(driven.world.share).toBe(5);
    await driven.run(11);
    expect(driven.world.share).toBe(20);
  });

  it('moves the deadline on by its length', async () => {
    const driven = await places.paused();
    const { deadlineAt } = driven.world.rollout;
    await driven.run(8000);
    expect(driven.status()).toBe('paused');
    driven.say({ action: 'resume' });
    expect(driven.world.rollout.deadlineAt - deadlineAt).toBe(8_010_000);
  });

  it('moves it on by no more when somebody moves the weight in the meantime', async () => {
    const driven = await places.paused({ deadline: '1h', metricsDown: 'page' });
    const { deadlineAt } = driven.world.rollout;
    await driven.run(7190);
    driven.world.share = 30;
    await driven.run(10);
    expect(driven.world.rollout.state).toMatchObject({ kind: 'paused', reason: { kind: 'drift' } });
    expect(driven.world.rollout.deadlineAt - deadlineAt).toBe(7_210_000);
    await driven.run(600);
    driven.say({ action: 'resume', drift: 'reassert' });
    expect(driven.world.rollout.deadlineAt - deadlineAt).toBe(7_210_000);
  });

  it('over a hold keeps the time that the hold stood still for, too', async () => {
    const driven = await places.holding();
    await driven.run(600);
    driven.say({ action: 'pause' });
    driven.pods.stable = { kind: 'known', ready: 3, total: 3 };
    await driven.run(600);
    driven.say({ action: 'resume' });
    expect(driven.world.rollout.state).toMatchObject({
      position: { step: 1, startedAt: start + 1_200_000, overridden: false, bakeEnded: false },
    });
  });
});

describe('a stop by canaryd itself', () => {
  it.each(['holding', 'drifted'] as const)('does not move the deadline on: %s', async (kind) => {
    const driven = await places.running({ deadline: '1h' });
    const { deadlineAt } = driven.world.rollout;
    if (kind === 'drifted') driven.world.share = 30;
    if (kind === 'holding') driven.pods.stable = { kind: 'known', ready: 1, total: 3 };
    await driven.run(3580);
    expect(driven.world.rollout.deadlineAt).toBe(deadlineAt);
    expect(driven.world.share).toBeGreaterThan(0);
    await driven.run(20);
    expect(driven.world.rollout.state).toMatchObject({ kind: 'rolledBack', cause: { kind: 'deadline' } });
  });
});

describe('a weight that somebody else moved', () => {
  const drifted = async (share: number) => {
    const driven = await places.running();
    driven.world.share = share;
    await driven.run(10);
    return driven;
  };

  it.each([0, 4, 6, 100])('to %d %% pauses the rollout where it is found', async (share) => {
    const driven = await drifted(share);
    expect([driven.status(), driven.world.share]).toEqual(['paused', share]);
    expect(driven.world.rollout.traffic).toMatchObject({ desired: 5, applied: share });
    expect(driven.types().slice(-2)).toEqual(['drift.detected', 'rollout.paused']);
  });

  it.each(everyPlace)('pauses a %s rollout', async (place) => {
    const driven = await places[place]();
    driven.world.share = 42;
    await driven.run(10);
    expect(driven.world.rollout.state).toMatchObject({
      kind: 'paused',
      reason: { kind: 'drift', found: 42 },
    });
  });

  it.each<Command>([
    { action: 'resume' },
    { action: 'advance', ...override },
    { action: 'promote', ...override },
  ])('is not decided by guessing: $action asks which weight is meant', async (command) => {
    const driven = await drifted(30);
    const answer = driven.say(command);
    expect(answerOf(answer)).toBe('drift-undecided');
    expect(messageOf(answer)).toBe(
      'Somebody else moved the canary\'s weight from 5 % to 30 %. Resume with "drift":"adopt" to go on from 30 %, or with "drift":"reassert" to write 5 % again.',
    );
  });

  const moved = (from: number, to: number) =>
    `Somebody else moved the canary's weight from ${from} % to ${to} %.`;

  it.each<[number, Command, string]>([
    [
      2,
      { action: 'resume', drift: 'reassert' },
      `${moved(5, 2)} Resume with "drift":"adopt" to go on from 2 %, or roll back; what was lowered by hand is not raised again.`,
    ],
    [
      2,
      { action: 'resume' },
      `${moved(5, 2)} Resume with "drift":"adopt" to go on from 2 %, or roll back; what was lowered by hand is not raised again.`,
    ],
    ...(['adopt', 'reassert'] as const).map((drift): [number, Command, string] => [
      0,
      { action: 'resume', drift },
      `${moved(5, 0)} Roll back, and start again when the canary may have traffic.`,
    ]),
  ])('down to %d %% is not raised again: %j is refused with what is left', async (share, command, message) => {
    const driven = await drifted(share);
    const { rollout } = driven.world;
    const answer = driven.say(command);
    expect([answerOf(answer), messageOf(answer)]).toEqual(['drift-undecided', message]);
    expect(driven.world.rollout).toBe(rollout);
    await driven.run(60);
    expect(driven.world.share).toBe(share);
  });

  it('down to a share above 0 % may be adopted', async () => {
    const driven = await drifted(2);
    driven.say({ action: 'resume', drift: 'adopt' });
    await driven.run(10);
    expect([driven.status(), driven.world.share]).toEqual(['running', 2]);
  });

  it('down to 0 % may be rolled back, and that is the end of it', async () => {
    const driven = await drifted(0);
    driven.say({ action: 'rollback' });
    await driven.run(10);
    expect([driven.status(), driven.world.share]).toEqual(['rolled_back', 0]);
  });

  it('stays where it was found when it is adopted, and is watched there from the beginning', async () => {
    const driven = await drifted(30);
    driven.say({ action: 'resume', drift: 'adopt' });
    await driven.run(1);
    expect([driven.status(), driven.world.share]).toEqual(['running', 30]);
    expect(driven.world.rollout.state).toMatchObject({ position: { startedAt: start + 20_000 } });
  });

  it('is restored when it is reasserted, and watched there from the beginning', async () => {
    const driven = await drifted(30);
    driven.say({ action: 'resume', drift: 'reassert' });
    await driven.run(5);
    expect([driven.status(), driven.world.share]).toEqual(['running', 5]);
    expect(driven.world.rollout.state).toMatchObject({
      position: { startedAt: driven.world.rollout.traffic.appliedAt },
    });
  });

  it('and moved once more is told anew', async () => {
    const driven = await drifted(30);
    driven.world.share = 50;
    await driven.run(60);
    expect(driven.types().filter((type) => type === 'drift.detected')).toHaveLength(2);
    driven.say({ action: 'resume', drift: 'adopt' });
    await driven.run(10);
    expect([driven.status(), driven.world.share]).toEqual(['running', 50]);
  });

  it('and moved back still waits for a person, who is told so', async () => {
    const driven = await drifted(30);
    driven.world.share = 5;
    await driven.run(10);
    expect(driven.status()).toBe('paused');
    expect(driven.lastMessage()).toBe("Somebody else moved the canary's weight away from 5 % and back.");
  });

  it('is no drift when it is the weight that we were just writing', async () => {
    const driven = drive();
    await driven.turn({ write: 'lost' });
    await driven.run(1);
    expect([driven.status(), driven.types().includes('drift.detected')]).toEqual(['running', false]);
  });

  it('does not stop the guards', async () => {
    const driven = await drifted(30);
    driven.canary(mood.failing);
    await driven.run(20);
    expect([driven.status(), driven.world.share]).toEqual(['rolled_back', 0]);
  });
});
