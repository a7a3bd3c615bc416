import { z } from 'zod';
import { clientOf } from '../demo/client.ts';
import { type Listener, play } from '../demo/play.ts';
import { demoPlan, type Scenario, scenarios } from '../demo/scenarios.ts';
import type { Stack } from '../local/stack.ts';
import { Plan } from '../src/rollout/plan.ts';
import type { Target } from '../src/rollout/target.ts';
import { breachedSince } from './breach.ts';
import { askCheck } from './check-query.ts';

/** A bad release of the demo and the check that must catch it. */
export type Release = { scenario: Scenario; check: string };

/** Both go out from v1, each with a canary that had no request before. */
export const releases: Release[] = [releaseOf('slow', 'v2', 'p99'), releaseOf('failing', 'v3', 'errors')];

export type Measured = {
  scenario: Scenario['name'];
  /** From here on the check's query is above the limit until the rollback; null when that was not so before it. */
  breachedMs: number | null;
  lastRequestMs: number;
  boundSeconds: number;
  /** From the first request that could be bad to the last one; what users felt. */
  exposedSeconds: number | null;
  cause: string;
  /** What canaryd recorded when it decided; null when another guard did. */
  value: number | null;
  requests: number | null;
  limit: number;
  unit: 'ratio' | 'ms';
  /** The same query at the instant of that measurement, asked again afterwards. */
  askedAgain: { value: number; requests: number };
};

/** Finer than the second that the bound speaks of: a breach seen sooner makes a figure larger, never smaller. */
const stepMs = 100;

/** What the bound allows beyond interval x failures: a scrape, and canaryd's own turn. */
const allowanceSeconds = 2;

const ArmSeen = z.looseObject({
  version: z.string(),
  service: z.object({ name: z.string(), namespace: z.string() }),
});
const TargetSeen = z.looseObject({
  stable: ArmSeen,
  canary: ArmSeen,
});
const Ended = z.looseObject({
  target: TargetSeen,
  plan: Plan,
  checks: z.array(
    z.looseObject({ id: z.string(), unit: z.enum(['ratio', 'ms']), measuredAt: z.iso.datetime() }),
  ),
});

const silent: Listener = {
  started: () => undefined,
  happened: () => undefined,
  measured: () => undefined,
  waiting: () => undefined,
};

/** Plays a release up to its rollback and asks Prometheus afterwards. Throws when it ended in another way. */
export async function measureRelease(stack: Stack, { scenario, check: id }: Release): Promise<Measured> {
  const startedMs = Math.floor(Date.now() / 1000) * 1000;
  const result = await play(stack, scenario, silent);
  const lastRequestMs = stack.sandbox.traffic.lastRequestAt(scenario.canary)?.wallMs;
  if (result.status !== 'rolled_back' || lastRequestMs === undefined) {
    throw new Error(`the release ended as ${result.status}: ${result.what}`);
  }
  const { target, plan, checks } = Ended.parse(await clientOf(stack).find(result.rollout));
  const check = plan.checks[id];
  const seen = checks.find((one) => one.id === id);
  if (check === undefined || check.metric === 'custom' || seen === undefined)
    throw new Error(`the plan has no check ${id}`);
  const question = { prometheusUrl: stack.prometheusUrl, target: targetOf(target), check };
  const instants = await askCheck(question, { fromMs: startedMs, toMs: lastRequestMs, stepMs });
  const decidedMs = Date.parse(seen.measuredAt);
  const [askedAgain] = await askCheck(question, { fromMs: decidedMs, toMs: decidedMs, stepMs });
  if (askedAgain === undefined) throw new Error('Prometheus was asked about no instant');
  const isByCheck = result.check === id;
  return {
    scenario: scenario.name,
    breachedMs: breachedSince(instants, check, lastRequestMs),
    lastRequestMs,
    boundSeconds: plan.interval * check.failures + allowanceSeconds,
    exposedSeconds: result.breachToStableSeconds,
    cause: result.check ?? result.cause ?? 'unknown',
    value: isByCheck ? result.value : null,
    requests: isByCheck ? result.requests : null,
    limit: check.max,
    unit: seen.unit,
    askedAgain,
  };
}

/** A target with all that stands in a query; callers are not told the rest. */
function targetOf({ stable, canary }: z.infer<typeof TargetSeen>): Target {
  const { service } = stable;
  const arm = (seen: z.infer<typeof ArmSeen>) => ({
    host: seen.service.name,
    subset: seen.version,
    service: seen.service,
    version: seen.version,
    podLabels: {},
  });
  return {
    cluster: 'default',
    namespace: service.namespace,
    virtualService: service.name,
    uid: '',
    route: '',
    stable: arm(stable),
    canary: arm(canary),
    routes: [{ key: { kind: 'http', name: '' }, original: { stable: 100, canary: 0, others: [] } }],
    also: [],
    stableReadyAtStart: null,
  };
}

/** By thresholds: when a plain query broke its limit can be asked of Prometheus, and compared. */
function releaseOf(name: Scenario['name'], canary: string, check: string): Release {
  const scenario = scenarios.find((one) => one.name === name);
  if (scenario === undefined) throw new Error(`the demo has no release ${name}`);
  const plan = { ...demoPlan, judge: 'threshold' };
  const ends = { status: 'rolled_back' as const, cause: 'check', check };
  return { scenario: { ...scenario, canary, title: `v1 to ${canary}, ${name}`, plan, ends }, check };
}
