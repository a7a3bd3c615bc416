import { setTimeout as wait } from 'node:timers/promises';
import type { Stack } from '../local/stack.ts';
import { type CheckSeen, clientOf, type EventSeen, hasEnded, type RolloutSeen } from './client.ts';
import { demoPlan, healthy, type Scenario, service, targetOf } from './scenarios.ts';

export type Result = {
  scenario: Scenario['name'];
  status: string;
  /** True when it ended as the scenario says it must. */
  asExpected: boolean;
  cause: string | null;
  check: string | null;
  value: number | null;
  unit: string | null;
  limit: number | null;
  requests: number | null;
  /** From the canary's first bad second to its last request; null when nothing was bad. */
  breachToStableSeconds: number | null;
  seconds: number;
  rollout: string;
  what: string;
  traffic: string;
};

export type Listener = {
  started(scenario: Scenario, rollout: RolloutSeen): void;
  happened(scenario: Scenario, event: EventSeen): void;
  /** Called while a release waits before anything is moved. */
  waiting(scenario: Scenario, what: string, at: string): void;
  /** Called once for each poll. */
  measured(scenario: Scenario, checks: CheckSeen[], at: string): void;
};

const pollMs = 100;
const patienceMs = 120_000;

/** What a release is played on. */
type Played = Pick<Stack, 'api' | 'token' | 'sandbox'>;

/** Plays one release to its end: asks for it over REST, breaks the canary when it is time, and watches. */
export async function play(stack: Played, scenario: Scenario, listener: Listener): Promise<Result> {
  const client = clientOf(stack);
  const { traffic } = stack.sandbox;
  const startedAt = Date.now();
  const fault = faultOf(stack, scenario);
  fault.strikeAt(0);
  const rollout = await client.create({
    target: targetOf(scenario.canary),
    plan: planOf(scenario),
    reason: `demo: ${scenario.title}`,
  });
  listener.started(scenario, rollout);
  let seq = 0;
  let seen = rollout;
  let measuredAt: string | null = null;
  let hasToldWaiting = false;
  while (Date.now() - startedAt < patienceMs && !hasEnded(seen)) {
    for (const event of await client.eventsAfter(rollout.id, seq)) {
      seq = event.seq;
      if (event.type === 'weight.applied') fault.strikeAt(Number(event.facts['to']));
      listener.happened(scenario, event);
    }
    hasToldWaiting = hasToldWaiting || tellWaiting(seen, scenario, listener);
    fault.noteFirstRequest(traffic.requestsTo(scenario.canary));
    seen = await client.find(rollout.id);
    measuredAt = tellOnce(seen, measuredAt, (checks, at) => listener.measured(scenario, checks, at));
    await wait(pollMs);
  }
  for (const event of await client.eventsAfter(rollout.id, seq)) listener.happened(scenario, event);
  await wait(500);
  const lastRequestMs = traffic.lastRequestAt(scenario.canary)?.wallMs ?? null;
  return resultOf(scenario, seen, { startedAt, badSinceMs: fault.badSinceMs(), lastRequestMs });
}

/** Tells what a release waits for before anything is moved; answers whether there was something to tell. */
function planOf({ plan = demoPlan }: Scenario): object {
  return plan;
}

function tellWaiting({ status, explanation }: RolloutSeen, scenario: Scenario, listener: Listener): boolean {
  const waits = status === 'preflight' && explanation.what.startsWith('Waiting');
  if (waits) listener.waiting(scenario, explanation.what, new Date().toISOString());
  return waits;
}

/** Tells of a poll that was not told of yet; answers the last one told. */
function tellOnce(
  { checks }: RolloutSeen,
  last: string | null,
  tell: (checks: CheckSeen[], at: string) => void,
): string | null {
  const at = checks[0]?.measuredAt ?? null;
  if (at !== null && at !== last) tell(checks, at);
  return at;
}

/** Heals the canary again, so that the next release starts with a good one. */
export function heal({ sandbox }: Pick<Stack, 'sandbox'>, { canary }: Scenario): void {
  sandbox.setVersion(service, canary, healthy);
}

function faultOf({ sandbox }: Pick<Stack, 'sandbox'>, { fault, canary }: Scenario) {
  let struckMs: number | null = null;
  let firstRequestMs: number | null = null;
  const before = sandbox.traffic.requestsTo(canary);
  return {
    strikeAt(share: number): void {
      if (fault === null || struckMs !== null || share !== fault.atShare) return;
      sandbox.setVersion(service, canary, fault.change);
      struckMs = Date.now();
    },
    noteFirstRequest(requests: number): void {
      if (requests > before) firstRequestMs ??= Date.now();
    },
    /** A canary that is bad hurts nobody before its first request. */
    badSinceMs: () => (struckMs === null ? null : Math.max(struckMs, firstRequestMs ?? struckMs)),
  };
}

type Times = { startedAt: number; badSinceMs: number | null; lastRequestMs: number | null };

function resultOf({ name, ends }: Scenario, seen: RolloutSeen, times: Times): Result {
  const { outcome, status } = seen;
  const wentBack = status === 'rolled_back';
  const isCause = ends.status === 'succeeded' || outcome?.cause === ends.cause;
  const isCheck = ends.status === 'succeeded' || ends.check === undefined || outcome?.check === ends.check;
  return {
    scenario: name,
    status,
    asExpected: status === ends.status && isCause && isCheck,
    cause: outcome?.cause ?? null,
    check: outcome?.check ?? null,
    value: outcome?.value ?? null,
    unit: outcome?.unit ?? null,
    limit: outcome?.limit ?? null,
    requests: outcome?.requests ?? null,
    breachToStableSeconds: wentBack ? secondsBetween(times.badSinceMs, times.lastRequestMs) : null,
    seconds: Math.round((Date.now() - times.startedAt) / 100) / 10,
    rollout: seen.id,
    what: seen.explanation.what,
    traffic: seen.explanation.traffic,
  };
}

function secondsBetween(fromMs: number | null, toMs: number | null): number | null {
  return fromMs === null || toMs === null ? null : Math.round(Math.max(0, toMs - fromMs) / 10) / 100;
}
