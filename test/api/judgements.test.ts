import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openJudge } from '../../src/analysis/sequential/open-judge.ts';
import type { Verdict } from '../../src/analysis/sequential/verdict.ts';
import { verdictOf } from '../../src/analysis/sequential/verdict-of.ts';
import { withPoll } from '../../src/analysis/sequential/with-poll.ts';
import { whyOf } from '../../src/analysis/sequential/words.ts';
import { judgementOf } from '../../src/api/judgement.ts';
import { JudgementOnWire } from '../../src/api/judgement-wire.ts';
import { renderRollout } from '../../src/api/render-rollout.ts';
import { RolloutOnWire } from '../../src/api/wire.ts';
import type { JudgeMemory } from '../../src/rollout/judge-memory.ts';
import { judgeSettingsOf } from '../../src/rollout/judge-settings.ts';
import { Plan } from '../../src/rollout/plan.ts';
import type { MeasuredPoll } from '../../src/rollout/ports/live.ts';
import type { Cause } from '../../src/rollout/reasons.ts';
import { emptyWatch, type Rollout } from '../../src/rollout/rollout.ts';
import type { State } from '../../src/rollout/state.ts';
import { verdictAt } from '../fakes/verdicts.ts';
import { drive } from '../rollout/drive.ts';
import { api, ask, problemOf, slugOf } from './api.ts';
import { fakeService } from './fake-service.ts';
import { now, rolledBack, rolloutId, rolloutIn, running } from './rollouts.ts';

const home = `/v1/rollouts/${rolloutId}`;
const path = `${home}/judgements`;
const { plan } = rolloutIn(running);
const settings = judgeSettingsOf(plan);
const told = { canary: 'v2', share: 5, stepSeconds: 0, settings };

/** A rollout that the sequential judge has looked at: the last time 20 s before now. */
function judgedRollout(verdict: Verdict | null, changes: Partial<Rollout> = {}): Rollout {
  const state = { ...openJudge({ boundsMs: [], pods: [] }, settings), at: 280 };
  const judge: JudgeMemory = {
    arms: 'v2 beside v1',
    state,
    known: { canary: {}, stable: {} },
    countedAt: now - 20_000,
    untold: null,
    stretch: { number: 1, appliedAt: now - 200_000, looks: 1 },
    isRebounded: false,
    verdict,
    share: 5,
    queries: ['sum by (pod) (istio_requests_total)'],
  };
  return rolloutIn(running, { watch: { ...emptyWatch, judge }, ...changes });
}

function found(verdict: Verdict): Verdict {
  return { ...verdict, ruling: { decision: 'rollback', reason: 'trafficMismatch' } };
}

async function read(rollout: Rollout, url = home) {
  return (await ask(api({ service: fakeService([rollout]) }), { url })).json();
}

function judgedBack(verdict: Verdict): Cause {
  const why = whyOf(verdict, told);
  return {
    kind: 'judged',
    ruling: 'regression',
    why,
    share: 5,
    verdict,
    queries: ['sum by (pod) (istio_requests_total)'],
  };
}

type Increments = { requests: number; errors: number; buckets: number[] };

describe('the judgement of a rollout', () => {
  const bad = verdictAt(0.2);

  it('has the ruling, the evidence and what it takes, and each comparison with its bands', async () => {
    const { judgement } = await read(judgedRollout(bad));
    expect(judgement).toMatchObject({
      at: '2026-11-24T13:59:40.000Z',
      weight: 5,
      ruling: { decision: 'rollback', reason: 'regression' },
      evidence: bad.evidence,
      needed: 100,
      driver: 0,
      queries: ['sum by (pod) (istio_requests_total)'],
      split: { canary: 450, stable: 8550 },
    });
    expect(judgement.evidence).toBeGreaterThan(100);
    const [errors] = judgement.metrics;
    expect(errors).toMatchObject({
      id: 'errorRate',
      against: 'stable',
      boundMs: null,
      canary: { bad: 90, requests: 450, rate: 0.2 },
      noiseFactor: 2,
      noiseFrom: 'assumed',
      isJudged: true,
    });
    expect(errors.canary.lower).toBeLessThan(0.2);
    expect(errors.canary.upper).toBeGreaterThan(0.2);
    expect(errors.excess.lower).toBeGreaterThan(0);
  });

  it('says why in a sentence with the figures', async () => {
    const { judgement } = await read(judgedRollout(bad));
    expect(judgement.why).toMatch(/^The canary is worse than stable\. 5xx of the canary 90 of 450 = 20 %/);
  });

  it('says what is not proven yet, and what is', async () => {
    const early = await read(judgedRollout(verdictAt(0)));
    expect(early.judgement.why).toMatch(/^Nothing is proven yet\. .* by its end it can see an error rate/);
    const healthy = { ...verdictAt(0), ruling: { decision: 'advance', reason: 'provenHealthy' } } as const;
    const { judgement } = await read(judgedRollout(healthy));
    expect(judgement.ruling).toEqual({ decision: 'advance', reason: 'proven_healthy' });
    expect(judgement.why).toMatch(/^The canary is held to be healthy\. Errors are proven below 1\.5 times/);
  });

  it('writes its reasons as the rest of the wire does', async () => {
    const { judgement } = await read(judgedRollout(found(bad)));
    expect(judgement.ruling).toEqual({ decision: 'rollback', reason: 'traffic_mismatch' });
  });

  it('stands in the status, too', async () => {
    const { judgement } = await read(judgedRollout(bad), `${home}/status`);
    expect(judgement).toEqual((await read(judgedRollout(bad))).judgement);
  });

  it('is the last line of text for whoever waits, unless what happened says it already', async () => {
    const textOf = async (verdict: Verdict) => {
      const service = fakeService([judgedRollout(verdict)]);
      const request = { url: `${home}/status`, headers: { accept: 'text/plain' } };
      return (await ask(api({ service }), request)).body.trimEnd().split('\n');
    };
    expect((await textOf(verdictAt(0))).slice(4)).toEqual([
      expect.stringMatching(/^Nothing is proven yet\./),
    ]);
    expect(await textOf(bad)).toHaveLength(4);
  });

  it('is null with the threshold judge, and before the first look', async () => {
    const threshold = { ...plan, judge: 'threshold' as const };
    expect((await read(judgedRollout(bad, { plan: threshold }))).judgement).toBeNull();
    expect((await read(judgedRollout(null))).judgement).toBeNull();
    expect((await read(rolloutIn(running))).judgement).toBeNull();
    expect((await read(rolloutIn(running), `${home}/status`)).judgement).toBeNull();
  });

  it('has finite numbers only, whatever the arms answered', () => {
    fc.assert(
      fc.property(fc.array(poll, { minLength: 1, maxLength: 12 }), (polls) => {
        const judgement = judgementOf(judgedRollout(judgedThrough(polls)));
        expect(JudgementOnWire.parse(JSON.parse(JSON.stringify(judgement)))).toEqual(judgement);
      }),
      { numRuns: 200 },
    );
  });
});

/** Stable's quiet half hour, in which one request in fifty is slow. */
const history = [0, 1, 2].map(() =>
  Array.from({ length: 30 }, () => ({ requests: 1000, errors: 5, buckets: [700, 280, 20] })),
);
const opened = () => openJudge({ boundsMs: [100, 1000], pods: history }, settings);
const part = () => fc.double({ min: 0, max: 1, noNaN: true });
const arm = fc
  .record({ requests: fc.nat(100_000), errors: part(), fast: part(), slow: part() })
  .map(({ requests, errors, fast, slow }) => {
    const [first, last] = [Math.floor(requests * fast), Math.floor(requests * (1 - fast) * slow)];
    return {
      requests,
      errors: Math.floor(requests * errors),
      buckets: [first, requests - first - last, last],
    };
  });
const poll = fc.record({
  canary: fc.option(arm),
  stable: fc.option(arm),
  share: fc.constantFrom(0.1, 5, 50, 99, 100),
});

function judgedThrough(polls: Parameters<typeof withEach>[0]): Verdict {
  return verdictOf(withEach(polls), settings, { seconds: 300 });
}

function withEach(polls: { canary: Increments | null; stable: Increments | null; share: number }[]) {
  return polls.reduce((state, one, at) => {
    const place = { at: 15 * (at + 1), step: 0, stepSeconds: 15 * (at + 1) };
    return withPoll(state, { ...place, ...one }, settings, { seconds: 300 }).state;
  }, opened());
}

const since = '2026-11-24T13:59:55.000Z';
const canaryd = { kind: 'canaryd', name: 'canaryd' } as const;
const handingOver = {
  kind: 'handingOver' as const,
  position: { step: 2, startedAt: now - 9000, overridden: false, bakeEnded: false },
  since: now - 9000,
  phase: 'judging' as const,
  waitingFor: null,
  hasWayBack: false,
  paged: false,
  missingSince: null,
};

describe('a rollout from its first request on', () => {
  it('shows errors, latency and limits while it is watched, and keeps them as the outcome of its way back', async () => {
    const { steps } = plan;
    const watched = Plan.parse({
      steps,
      checks: { ...plan.checks, p99: { metric: 'p99LatencyMs', max: 2000 } },
    });
    const driven = drive({ plan: watched, state: { kind: 'preflight', waitingFor: null } });
    const shown = () => {
      const trouble = { failures: 0, why: null, quarantinedAt: null };
      const { rollout } = driven.world;
      return RolloutOnWire.parse(renderRollout({ rollout, nextAt: null, now: driven.world.now, trouble }));
    };
    expect(shown().judgement).toBeNull();
    await driven.run(60);
    const { judgement } = shown();
    expect(judgement).toMatchObject({ weight: 5, ruling: { decision: 'continue' }, needed: 100 });
    expect(Date.parse(judgement?.at ?? '')).toBe(driven.world.rollout.watch.lastPollAt);
    const ids = judgement?.metrics.map(({ id, against }) => `${id} ${against}`);
    expect(ids).toEqual(['errorRate stable', 'latency stable', 'errors limit', 'p99 limit']);
    driven.flow.canary = { errors: 0.2, slow: 0.003 };
    await driven.run(60);
    const { status, statusReason, outcome } = shown();
    expect([status, statusReason]).toEqual(['rolled_back', 'analysis_failed']);
    expect(outcome?.judgement?.ruling).toEqual({ decision: 'rollback', reason: 'regression' });
    expect(outcome?.judgement?.evidence).toBeGreaterThanOrEqual(100);
  });
});

describe('the outcome of a rollout that the sequential judge sent back', () => {
  const verdict = verdictAt(0.2);
  const cause = judgedBack(verdict);
  const back: [string, State, string | null][] = [
    [
      'on its way back',
      { kind: 'rollingBack', cause, by: canaryd, since: now - 5000, stuck: null, firstEpoch: null },
      since,
    ],
    ['back', { ...rolledBack, cause }, since],
    ['not to be taken back', { kind: 'rollbackFailed', at: now, cause, why: 'it is gone' }, null],
    ['handed over', { ...handingOver, breach: cause }, null],
  ];

  it.each(back)('keeps the judgement while it is %s', async (_, state, at) => {
    const { outcome, judgement } = await read(rolloutIn(state));
    expect(outcome).toMatchObject({ cause: 'judge', metric: 'errorRate', unit: 'ratio', value: 0.2 });
    expect(outcome.judgement).toMatchObject({ at, weight: 5, needed: 100, evidence: verdict.evidence });
    expect(outcome.judgement.why).toMatch(/^The canary is worse than stable\./);
    expect(judgement).toBeNull();
  });

  it('has none for any other cause', async () => {
    expect((await read(rolloutIn(rolledBack))).outcome.judgement).toBeNull();
  });
});

/** The poll of the nth minute, with what the judge found at it. */
function judgedPoll(minute: number, changes: Partial<MeasuredPoll> = {}): MeasuredPoll {
  return {
    at: now + minute * 60_000,
    step: minute < 2 ? 0 : 1,
    share: 5,
    checks: {},
    verdict: verdictAt(0.2),
    ...changes,
  };
}

function world(polls: MeasuredPoll[]) {
  const service = fakeService();
  service.polls.push(...polls);
  return { app: api({ service }), service };
}

const minutes = (data: { at: string }[]) => data.map(({ at }) => (Date.parse(at) - now) / 60_000);

describe('the judgements of a rollout', () => {
  it('are one row for each poll that the judge looked at', async () => {
    const { app } = world([judgedPoll(0)]);
    const { data, page } = (await ask(app, { url: path })).json();
    expect(data).toHaveLength(1);
    expect(data[0]).toMatchObject({
      at: '2026-11-24T14:00:00.000Z',
      step: 0,
      weight: 5,
      ruling: { decision: 'rollback', reason: 'regression' },
      needed: 100,
      metrics: [{ id: 'errorRate', canary: { bad: 90, requests: 450 } }],
    });
    expect(data[0].why).toMatch(/^The canary is worse than stable\./);
    expect(page).toEqual({ nextSince: '2026-11-24T14:00:00.001Z', hasMore: false });
  });

  it('leave out polls without a judgement, and a page is as full as if they were not there', async () => {
    const polls = [0, 1, 2, 3].map((minute) => judgedPoll(minute, minute === 1 ? { verdict: null } : {}));
    const since = new Date(now).toISOString();
    const { app } = world(polls);
    const { data, page } = (await ask(app, { url: `${path}?limit=2&since=${since}` })).json();
    expect([minutes(data), page.hasMore]).toEqual([[0, 2], true]);
  });

  it('are the newest polls by default, and come in pages by time', async () => {
    const { app } = world([0, 1, 2].map((minute) => judgedPoll(minute)));
    expect(minutes((await ask(app, { url: `${path}?limit=2` })).json().data)).toEqual([1, 2]);
    const since = new Date(now).toISOString();
    const first = await ask(app, { url: `${path}?limit=2&since=${since}` });
    expect([minutes(first.json().data), first.json().page.hasMore]).toEqual([[0, 1], true]);
    const next = /<(.*)>; rel="next"/.exec(String(first.headers.link))?.[1] ?? '';
    expect(next).toMatch(/^\/v1\/rollouts\//);
    const second = await ask(app, { url: next });
    expect([minutes(second.json().data), second.json().page.hasMore]).toEqual([[2], false]);
    expect(second.headers.link).toBeUndefined();
  });

  it('are filtered by step, and there are none of a rollout that was never judged', async () => {
    const { app } = world([0, 1, 2].map((minute) => judgedPoll(minute)));
    expect(minutes((await ask(app, { url: `${path}?step=1` })).json().data)).toEqual([2]);
    const none = { data: [], page: { nextSince: null, hasMore: false } };
    expect((await ask(world([]).app, { url: path })).json()).toEqual(none);
  });

  it('come as a table with the columns of every comparison and of every limit of the plan', async () => {
    const { app } = world([judgedPoll(0)]);
    const answer = await ask(app, { url: `${path}?format=csv` });
    expect(answer.headers['content-type']).toBe('text/csv; charset=utf-8');
    expect(answer.headers['content-disposition']).toBe(`attachment; filename="${rolloutId}-judgements.csv"`);
    const [head = '', line = '', end] = answer.body.split('\r\n');
    const row = Object.fromEntries(head.split(',').map((name, at) => [name, line.split(',')[at]]));
    expect(row).toMatchObject({
      at: '2026-11-24T14:00:00.000Z',
      step: '0',
      weight: '5',
      decision: 'rollback',
      reason: 'regression',
      needed: '100',
      error_rate_canary_bad: '90',
      error_rate_canary_rate: '0.2',
      latency_canary_rate: '',
      limit_errors_canary_rate: '',
      limit_p99_tolerated: '',
    });
    expect([head.split(',').length, line.split(',').length, end]).toEqual([11 + 4 * 17, 11 + 4 * 17, '']);
    const byHeader = await ask(app, { url: path, headers: { accept: 'text/csv' } });
    expect(byHeader.body).toBe(answer.body);
    expect((await ask(world([]).app, { url: `${path}?format=csv` })).body).toBe(`${head}\r\n`);
  });

  it('tell a limit from a comparison of the same name', async () => {
    const verdict = verdictAt(0.2);
    const [errors] = verdict.metrics;
    if (errors === undefined) throw new Error('nothing was compared');
    const limit = { ...errors, against: 'limit' as const, tolerated: 0.01 };
    const { errors: check } = plan.checks;
    if (check === undefined) throw new Error('the plan has no such check');
    const checks = { errorRate: check };
    const service = fakeService([rolloutIn(running, { plan: { ...plan, checks } })]);
    service.polls.push(judgedPoll(0, { verdict: { ...verdict, metrics: [limit, errors] } }));
    const [head = '', line = ''] = (await ask(api({ service }), { url: `${path}?format=csv` })).body.split(
      '\r\n',
    );
    const row = Object.fromEntries(head.split(',').map((name, at) => [name, line.split(',')[at]]));
    expect(row['limit_errorRate_tolerated']).toBe('0.01');
    expect(Number(row['error_rate_tolerated'])).toBe(errors.tolerated);
  });

  it('are refused with a sentence when something is wrong', async () => {
    const { app, service } = world([]);
    const wrong = ['format=xml', 'step=-1', 'since=yesterday', 'limit=0', 'limit=1001', 'check=p99'];
    for (const query of wrong) {
      expect([query, (await ask(app, { url: `${path}?${query}` })).statusCode]).toEqual([query, 400]);
    }
    expect(problemOf(await ask(app, { url: `${path}?stp=1` })).errors?.[0]?.detail).toBe(
      'is not known: did you mean "step"?',
    );
    expect(slugOf(await ask(app, { url: path, headers: { accept: 'text/html' } }))).toBe('not-acceptable');
    expect(slugOf(await ask(app, { url: path.replace('1YC', '1YD') }))).toBe('not-found');
    expect((await app.inject({ url: path })).statusCode).toBe(401);
    service.broken = new Error('down');
    expect((await ask(app, { url: path })).statusCode).toBe(500);
  });
});
