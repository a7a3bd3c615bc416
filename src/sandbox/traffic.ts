import { pick, pickKind } from './draws.ts';
import {
  type Choice,
  type Flow,
  type Moment,
  type Prepared,
  type Simulation,
  sendOne,
  telemetryOf,
} from './exchange.ts';
import type { JsonObject } from './json.ts';
import type { Behaviour, MeshSpec, RequestKind, ServiceSpec } from './mesh-spec.ts';
import { type Pod, podLabels } from './pod-objects.ts';
import { seededRandom } from './random.ts';
import { plainRequest } from './route-match.ts';
import { type Arm, currentSplit, type Way, wayOf } from './split.ts';
import type { ObjectStore } from './store.ts';
import type { Telemetry } from './telemetry.ts';
import type { Workloads } from './workloads.ts';

export type Traffic = {
  /** Sends the requests of this much time, by the weights that are live now. */
  tick(elapsedSeconds: number): void;
  /** Null before the first request. `service` defaults to the first of the mesh, here and below. */
  lastRequestAt(version: string, service?: string): Moment | null;
  /** Requests sent to a version so far, failed ones included and copies not. Of one kind only where it is named. */
  requestsTo(version: string, service?: string, kind?: string): number;
  /** Copies of requests that a version got so far. */
  copiesTo(version: string, service?: string): number;
  /** Live weight by version; a subset or host without a version label goes by its own name. */
  weightsNow(service?: string): Record<string, number>;
  simulatedSeconds(): number;
  setRequestRate(service: string, requestsPerSecond: number): void;
  setBehaviour(service: string, version: string, change: Partial<Behaviour>): void;
  /** While it is deaf the callers' proxies keep the routes that they have, as when they cannot reach istiod. */
  setDeaf(service: string, isDeaf: boolean): void;
  /** What the sidecar of a running pod has counted. */
  telemetryOf(pod: Pod): Telemetry;
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
    requestsTo: (version, service, kind) => countOf(flow(service).sent.get(version), kind),
    copiesTo: (version, service) => flow(service).copies.get(version) ?? 0,
    weightsNow: (service) => weightsOf(currentSplit(options.store, flow(service).service)),
    simulatedSeconds: () => simulation.seconds,
    setRequestRate: (service, requestsPerSecond) => {
      flow(service).requestsPerSecond = requestsPerSecond;
    },
    setBehaviour: (service, version, change) => setBehaviour(flow(service), version, change),
    setDeaf: (service, isDeaf) => {
      const { store } = options;
      const one = flow(service);
      one.kept = isDeaf
        ? new Map(kindsOf(one.service).map((kind) => [kind.name, wayNow(store, one, kind)]))
        : null;
    },
    telemetryOf: (pod) => telemetryOf(simulation, pod),
  };
}

function flowOf(service: ServiceSpec, seed: number): Flow {
  const { requestsPerSecond } = service;
  const behaviour = new Map(service.versions.map((one) => [one.version, one.behaviour]));
  const random = seededRandom(seed);
  return {
    service,
    requestsPerSecond,
    carry: 0,
    behaviour,
    random,
    sent: new Map(),
    copies: new Map(),
    kept: null,
  };
}

function countOf(
  sent: { count: number; byKind: Map<string, number> } | undefined,
  kind: string | undefined,
): number {
  return (kind === undefined ? sent?.count : sent?.byKind.get(kind)) ?? 0;
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
  const callers = simulation.workloads.ofCaller(flow.service.caller).filter((pod) => pod.ready);
  const kinds = kindsOf(flow.service).map((kind) => prepared(simulation, flow, kind));
  for (let index = 0; index < count; index += 1) {
    const kind = kinds.length === 1 ? kinds[0] : pickKind(kinds, flow.random);
    const caller = pick(callers, flow.random);
    if (kind !== undefined && caller !== undefined) sendOne(simulation, flow, kind, caller);
  }
}

/** The plain requests are what the kinds that are declared leave over. */
function kindsOf({ requests = [] }: ServiceSpec): RequestKind[] {
  const left = 1 - requests.reduce((sum, { part }) => sum + part, 0);
  return [...requests, { name: 'plain', part: left }];
}

function wayNow(store: ObjectStore, { service }: Flow, kind: RequestKind): Way {
  return wayOf(store, { service, request: { ...plainRequest, ...kind } });
}

function prepared(simulation: Simulation, flow: Flow, kind: RequestKind): Prepared {
  const { service, kept } = flow;
  const pods = simulation.workloads.ofService(service).filter((pod) => pod.ready);
  const behind = (arm: Arm): Choice => ({ arm, pods: pods.filter((pod) => carries(pod, arm.labels)) });
  const way = kept?.get(kind.name) ?? wayNow(simulation.store, flow, kind);
  return {
    name: kind.name,
    part: kind.part,
    choices: way.arms.map(behind),
    mirrors: way.mirrors.map(({ arm, percent }) => ({ ...behind(arm), percent })),
  };
}

function carries(pod: Pod, labels: JsonObject | null): boolean {
  const own = podLabels(pod);
  return labels !== null && Object.entries(labels).every(([key, value]) => own[key] === value);
}
