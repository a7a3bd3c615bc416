import { drawLatency, pick, pickByWeight } from './draws.ts';
import { istioLabels, type NamedService, type Result } from './istio-labels.ts';
import type { JsonObject } from './json.ts';
import type { Behaviour, MeshSpec, ServiceSpec } from './mesh-spec.ts';
import { type Pod, podLabels } from './pod-objects.ts';
import { type Random, seededRandom } from './random.ts';
import { type Arm, currentSplit } from './split.ts';
import type { ObjectStore } from './store.ts';
import { createTelemetry, observe, type Telemetry } from './telemetry.ts';
import type { Workloads } from './workloads.ts';

/** When a version last got a request: wall clock in ms since the epoch, and seconds of simulated time. */
type Moment = { wallMs: number; simulatedSeconds: number };

export type Traffic = {
  /** Sends the requests of this much time, by the weights that are live now. */
  tick(elapsedSeconds: number): void;
  /** Null before the first request. `service` defaults to the first of the mesh, here and below. */
  lastRequestAt(version: string, service?: string): Moment | null;
  /** Requests sent to a version so far, failed ones included. */
  requestsTo(version: string, service?: string): number;
  /** Live weight by version; a subset or host without a version label goes by its own name. */
  weightsNow(service?: string): Record<string, number>;
  simulatedSeconds(): number;
  setRequestRate(service: string, requestsPerSecond: number): void;
  setBehaviour(service: string, version: string, change: Partial<Behaviour>): void;
  /** What the sidecar of a running pod has counted. */
  telemetryOf(pod: Pod): Telemetry;
};

type Flow = {
  service: ServiceSpec;
  requestsPerSecond: number;
  /** The fraction of a request left over from the last tick. */
  carry: number;
  behaviour: Map<string, Behaviour>;
  /** Its own, so that a service more or less in the mesh changes nothing for the others. */
  random: Random;
  sent: Map<string, { count: number; last: Moment }>;
};

type Simulation = {
  store: ObjectStore;
  workloads: Workloads;
  nowMs: () => number;
  telemetry: Map<string, Telemetry>;
  seconds: number;
};

/** A seeded simulation: the same seed, ticks and changes give the same requests. It has no clock of its own. */
export function createTraffic(options: {
  store: ObjectStore;
  workloads: Workloads;
  mesh: MeshSpec;
  seed: number;
  nowMs: () => number;
}): Traffic {
  const simulation: Simulation = {
    ...options,
    telemetry: new Map(),
    seconds: 0,
  };
  const flows = options.mesh.services.map((service, index) => flowOf(service, options.seed + index));
  const flow = (name?: string) => findFlow(flows, name);
  return {
    tick: (elapsedSeconds) => {
      simulation.seconds += elapsedSeconds;
      for (const one of flows) sendRequests(simulation, one, elapsedSeconds);
    },
    lastRequestAt: (version, service) => flow(service).sent.get(version)?.last ?? null,
    requestsTo: (version, service) => flow(service).sent.get(version)?.count ?? 0,
    weightsNow: (service) => weightsOf(currentSplit(options.store, flow(service).service)),
    simulatedSeconds: () => simulation.seconds,
    setRequestRate: (service, requestsPerSecond) => {
      flow(service).requestsPerSecond = requestsPerSecond;
    },
    setBehaviour: (service, version, change) => setBehaviour(flow(service), version, change),
    telemetryOf: (pod) => telemetryOf(simulation, pod),
  };
}

function flowOf(service: ServiceSpec, seed: number): Flow {
  const { requestsPerSecond } = service;
  const behaviour = new Map(service.versions.map((one) => [one.version, one.behaviour]));
  return { service, requestsPerSecond, carry: 0, behaviour, random: seededRandom(seed), sent: new Map() };
}

function findFlow(flows: readonly Flow[], name: string | undefined): Flow {
  const found = name === undefined ? flows[0] : flows.find((flow) => flow.service.name === name);
  if (found === undefined) throw new Error(`the sandbox has no service ${name ?? ''}`);
  return found;
}

function setBehaviour(flow: Flow, version: string, change: Partial<Behaviour>): void {
  const known = flow.behaviour.get(version);
  if (known === undefined) throw new Error(`service ${flow.service.name} has no version ${version}`);
  flow.behaviour.set(version, { ...known, ...change });
}

function weightsOf(arms: readonly Arm[]): Record<string, number> {
  const weights: Record<string, number> = {};
  for (const arm of arms) weights[arm.name] = (weights[arm.name] ?? 0) + arm.weight;
  return weights;
}

function sendRequests(simulation: Simulation, flow: Flow, elapsedSeconds: number): void {
  flow.carry += flow.requestsPerSecond * elapsedSeconds;
  // Summed fractions may end a hair below the whole request that they make.
  const count = Math.floor(flow.carry + 1e-9);
  flow.carry -= count;
  if (count === 0) return;
  const arms = currentSplit(simulation.store, flow.service);
  const pods = simulation.workloads.ofService(flow.service).filter((pod) => pod.ready);
  const callers = simulation.workloads.ofCaller(flow.service.caller).filter((pod) => pod.ready);
  const choices = arms.map((arm) => ({ arm, pods: pods.filter((pod) => carries(pod, arm.labels)) }));
  for (let index = 0; index < count; index += 1) {
    const caller = pick(callers, flow.random);
    if (caller !== undefined) sendOne(simulation, flow, choices, caller);
  }
}

function carries(pod: Pod, labels: JsonObject | null): boolean {
  const own = podLabels(pod);
  return labels !== null && Object.entries(labels).every(([key, value]) => own[key] === value);
}

type Choice = { arm: Arm; pods: Pod[] };

function sendOne(simulation: Simulation, flow: Flow, choices: readonly Choice[], caller: Pod): void {
  const { service } = flow;
  const choice = pickByWeight(choices, flow.random);
  if (choice !== undefined) note(simulation, flow, choice.arm.name);
  const { pod, result, durationMs } = responseOf(flow, choice);
  const sent = {
    flow,
    pod,
    sidecar: caller,
    reporter: 'source',
    service: choice?.arm.service ?? service,
  } as const;
  report(simulation, sent, result, durationMs);
  if (pod === null) return;
  // A pod's own proxy cannot tell by which of its Services it was called, and names the first.
  const received = { flow, pod, sidecar: pod, reporter: 'destination', service } as const;
  report(simulation, received, result, durationMs);
}

type Response = { pod: Pod | null; result: Result; durationMs: number };

/** Without a route, a cluster or a healthy pod the caller's Envoy answers itself, at once, and nobody else reports. */
function responseOf(flow: Flow, choice: Choice | undefined): Response {
  const { random } = flow;
  if (choice === undefined) return { pod: null, result: { code: 404, flags: 'NR' }, durationMs: 0 };
  const pod = pick(choice.pods, random);
  if (pod === undefined) {
    return {
      pod: null,
      result: { code: 503, flags: choice.arm.labels === null ? 'NC' : 'UH' },
      durationMs: 0,
    };
  }
  const behaviour = flow.behaviour.get(pod.version) ?? { errorRate: 0, medianMs: 1, p99Ms: 2 };
  const code = random() < behaviour.errorRate ? 500 : 200;
  return { pod, result: { code, flags: '-' }, durationMs: drawLatency(behaviour, random) };
}

type Report = {
  flow: Flow;
  pod: Pod | null;
  sidecar: Pod;
  reporter: 'source' | 'destination';
  service: NamedService;
};

function report(
  simulation: Simulation,
  { flow, pod, sidecar, reporter, service }: Report,
  result: Result,
  durationMs: number,
): void {
  const { caller } = flow.service;
  const key = `${service.namespace}/${service.name}|${reporter}|${pod?.workload ?? ''}|${result.code}|${result.flags}`;
  const labels = () => istioLabels(reporter, { caller, service, pod }, result);
  observe(telemetryOf(simulation, sidecar).series(key, labels), durationMs);
}

function note(simulation: Simulation, flow: Flow, version: string): void {
  const last = { wallMs: simulation.nowMs(), simulatedSeconds: simulation.seconds };
  flow.sent.set(version, { count: (flow.sent.get(version)?.count ?? 0) + 1, last });
}

/** A restarted pod counts from zero again, so the restarts are part of the key. */
function telemetryOf(simulation: Simulation, pod: Pod): Telemetry {
  const key = `${pod.namespace}/${pod.name}/${pod.restarts}`;
  const known = simulation.telemetry.get(key);
  if (known !== undefined) return known;
  const fresh = createTelemetry();
  simulation.telemetry.set(key, fresh);
  return fresh;
}
