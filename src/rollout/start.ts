import type { AuditEvent } from './audit.ts';
import { type Decision, decided, event, inState } from './decision.ts';
import { asksNothing } from './evidence.ts';
import { goOn } from './go-on.ts';
import { presentIn } from './identity.ts';
import { isSequential, judgedAfter } from './judging.ts';
import { longestWindowSeconds } from './plan-parts.ts';
import type { SplitView } from './ports/mesh.ts';
import { auditedFacts, notReady, type StartObstacle, summaryInWords } from './readiness-words.ts';
import { begunAt, type Rollout } from './rollout.ts';
import * as say from './say.ts';
import { objectName } from './several.ts';
import { factsOf, type Sight } from './sight.ts';
import { type Arm, type Target, uidOf } from './target.ts';
import type { Millis } from './units.ts';
import { stepStarted } from './walk.ts';

/** How long a start waits for the mesh and the metrics to answer before it is given up. */
const patienceMs = 60_000;
/** How long a start waits for the canary's pods: a release often asks for its rollout while they are still starting. */
const startingMs = 600_000;

/** Preflight: a rollout starts from weights at rest, with a stable that metrics can see. Until then nothing is touched. */
export function start(rollout: Rollout, sight: Sight, now: Millis): Decision {
  const obstacle = obstacleIn(rollout, sight, now);
  if (obstacle === null) return begin(rollout, sight, now);
  const { why, patienceMs: patience } = obstacle;
  const notReadySince = sight.readiness ? notReadySinceIn(rollout, now) : null;
  const waits = patience === null || now - (notReadySince ?? begunAt(rollout)) < patience;
  return waits ? waitFor(rollout, { why, notReadySince }, now) : giveUp(rollout, { why, sight }, now);
}

/** Why a rollout in preflight does not begin at this moment; null when it does. */
export function obstacleIn(rollout: Rollout, sight: Sight, now: Millis): StartObstacle | null {
  const fault = faultOf(rollout, sight);
  if (fault !== null) return fault;
  const why = stoppedBy(sight) ?? leftoversIn(rollout, sight, now);
  if (why !== null) return { why, patienceMs: null };
  return sight.readiness ? notReady(sight.readiness) : null;
}

/** A hold order stops what has not begun, too. */
function stoppedBy({ order }: Sight): string | null {
  if (order === null) return null;
  return say.standing(order);
}

/** The mesh is looked at when nothing else stands in the way, which may be long after the beginning. */
function notReadySinceIn({ state }: Rollout, now: Millis): Millis {
  return (state.kind === 'preflight' ? state.notReadySince : undefined) ?? now;
}

type Waiting = { why: string; notReadySince: Millis | null };

function waitFor(rollout: Rollout, { why: waitingFor, notReadySince }: Waiting, now: Millis): Decision {
  const since = notReadySince === null ? {} : { notReadySince };
  const waiting = inState(rollout, { kind: 'preflight', waitingFor, ...since });
  const nextAt = now + Math.min(rollout.plan.interval * 1000, patienceMs / 6);
  return decided(waiting, { nextAt });
}

function giveUp(rollout: Rollout, { why, sight }: { why: string; sight: Sight }, now: Millis): Decision {
  const failed = inState(rollout, { kind: 'preflightFailed', at: now, why });
  const message = `not started, no traffic was moved: ${why}`;
  const events = [...preflightEvents(sight), event('rollout.preflight_failed', message)];
  return decided(failed, { events });
}

/**
 * Requests that the canary had before this rollout, of an earlier one that failed perhaps, must not be held against
 * it: they are waited out, for as long as a check looks back. The sequential judge counts from the start on, which takes
 * no longer than until all of them were scraped.
 */
function leftoversIn(rollout: Rollout, { measurements }: Sight, now: Millis): string | null {
  const reading = measurements?.requests.canary;
  const { scrapeSeconds, plan } = rollout;
  const lookBack = isSequential(rollout) ? scrapeSeconds : longestWindowSeconds(plan.checks);
  const until = begunAt(rollout) + (lookBack + scrapeSeconds) * 1000;
  if (reading?.kind !== 'value' || reading.requests < 0.5 || now >= until) return null;
  const { version } = rollout.target.canary;
  return `metrics still show ${say.count(reading.requests)} requests on ${version} from before this rollout; they count no more from ${say.timeOfDay(until)} on`;
}

function begin(rollout: Rollout, sight: Sight, now: Millis): Decision {
  const state = {
    kind: 'running' as const,
    position: { step: 0, startedAt: now, overridden: false, bakeEnded: false },
  };
  const started: Rollout = {
    ...rollout,
    state,
    startedAt: now,
    deadlineAt: now + rollout.plan.deadline * 1000,
    nextPollAt: now,
    traffic: { ...rollout.traffic, managed: { desired: [], applied: leftIn(sight) } },
    watch: { ...rollout.watch, judge: judgeAtStart(rollout, sight) },
  };
  const decision = goOn(started, state, { ...sight, measurements: null }, now);
  const { canary, stable } = rollout.target;
  const message = `started: ${stable.version} to ${canary.version} in ${rollout.plan.steps.length} steps, deadline ${say.moment(started.deadlineAt, now)}`;
  return {
    ...decision,
    events: [
      ...preflightEvents(sight),
      event('rollout.started', message, { plan: rollout.plan.name }),
      stepStarted({ ...started, state }),
      ...decision.events,
    ],
  };
}

/** What the pods had counted before the canary got requests, and stable's history: the first request counts. */
function judgeAtStart(rollout: Rollout, sight: Sight): Rollout['watch']['judge'] {
  const { measurements } = sight;
  return measurements === null ? null : judgedAfter(rollout, factsOf(rollout, sight), measurements);
}

/** What was found, for auditors: all that was not well, and every waiver that was used. */
function preflightEvents({ readiness }: Sight): AuditEvent[] {
  if (!readiness) return [];
  const message = `the mesh around the target was checked: ${summaryInWords(readiness)}`;
  return [event('preflight.completed', message, auditedFacts(readiness))];
}

/** Managed routes that an earlier rollout left behind; the first write takes them away. */
function leftIn({ view }: Sight): string[] {
  return view.kind === 'split' ? view.managedRoutes : [];
}

function gone(target: Target, { name = objectName(target) }: { name?: string }): string {
  return `VirtualService ${name} is gone`;
}

/** What speaks against a start, and for how many milliseconds it may pass by itself. */
type Fault = { why: string; patienceMs: number };

function faultOf(rollout: Rollout, { view, measurements }: Sight): Fault | null {
  const { target } = rollout;
  switch (view.kind) {
    case 'missing':
      return { why: gone(target, view), patienceMs: 0 };
    case 'shape':
      return { why: `${view.fault.path}: ${view.fault.message}`, patienceMs: 0 };
    case 'unavailable':
      return { why: `the VirtualService cannot be read: ${view.why}`, patienceMs };
    case 'split':
      if (view.uid !== uidOf(target))
        return { why: 'the VirtualService was created anew since the request', patienceMs: 0 };
      if (!view.hasStable)
        return {
          why: `stable's destination ${target.stable.subset ?? target.stable.host} is gone from the route`,
          patienceMs: 0,
        };
      if (view.canaryShare > 0) {
        return {
          why: `the split is not at rest: ${target.canary.subset ?? target.canary.host} already has ${say.share(view.canaryShare)}`,
          patienceMs: 0,
        };
      }
      return canaryFault(target.canary, view) ?? metricsFault(rollout, measurements);
  }
}

/** What is rolled out has to be known: a change in the middle is another release. */
function canaryFault({ version, service, podLabels }: Arm, { images: { canary } }: SplitView): Fault | null {
  const present = presentIn(canary);
  if (present.kind !== 'unsettled') return null;
  const labels = Object.entries(podLabels ?? {}).map(([label, value]) => `${label}=${value}`);
  const none = `no pod in ${service.namespace} has the labels ${labels.join(', ')}: start one, or correct what selects it`;
  const why = canary.kind === 'known' && canary.pods.length === 0 ? none : present.why;
  return { why: `${version} (canary) is not ready to be measured: ${why}`, patienceMs: startingMs };
}

function metricsFault(rollout: Rollout, measurements: Sight['measurements']): Fault | null {
  if (asksNothing(rollout)) return null;
  const reading = measurements?.requests.stable ?? { kind: 'unavailable', why: 'not measured' };
  if (reading.kind === 'unavailable') return { why: `no metrics: ${reading.why}`, patienceMs };
  if (reading.kind !== 'none') return null;
  return {
    why: `metrics show no requests for stable (${rollout.target.stable.version}): check its version label, or wait for traffic`,
    patienceMs,
  };
}
