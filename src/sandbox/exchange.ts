import { drawLatency, pick, pickByWeight } from './draws.ts';
import { istioLabels, type NamedService, type Result } from './istio-labels.ts';
import type { Behaviour, MeshSpec, ServiceSpec } from './mesh-spec.ts';
import type { Pod } from './pod-objects.ts';
import type { Random } from './random.ts';
import type { Arm, Way } from './split.ts';
import type { ObjectStore } from './store.ts';
import { createTelemetry, observe, type Telemetry } from './telemetry.ts';
import type { Workloads } from './workloads.ts';

/** When a version last got a request: wall clock in ms since the epoch, and seconds of simulated time. */
export type Moment = { wallMs: number; simulatedSeconds: number };

/** The requests to one service. */
export type Flow = {
  service: ServiceSpec;
  requestsPerSecond: number;
  /** The fraction of a request left over from the last tick. */
  carry: number;
  behaviour: Map<string, Behaviour>;
  /** Its own, so that a service more or less in the mesh changes nothing for the others. */
  random: Random;
  sent: Map<string, { count: number; byKind: Map<string, number>; last: Moment }>;
  copies: Map<string, number>;
  /** The routes that the callers' proxies keep while they hear of no others, by kind of request. */
  kept: Map<string, Way> | null;
};

export type Simulation = {
  store: ObjectStore;
  workloads: Workloads;
  mesh: MeshSpec;
  nowMs: () => number;
  telemetry: Map<string, Telemetry>;
  seconds: number;
};

/** A destination, and the pods that serve it now. */
export type Choice = { arm: Arm; pods: Pod[] };

/** Requests of one kind, and where they go in this tick. */
export type Prepared = {
  name: string;
  part: number;
  choices: Choice[];
  mirrors: (Choice & { percent: number })[];
};

/** Sends one request of a kind: it is answered, counted and reported, and copied to the mirrors of its route. */
export function sendOne(simulation: Simulation, flow: Flow, kind: Prepared, caller: Pod): void {
  const { service } = flow;
  const choice = pickByWeight(kind.choices, flow.random);
  if (choice !== undefined) note(simulation, flow, choice.arm.name, kind.name);
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
  receive(simulation, flow, { pod, result, durationMs });
  for (const mirror of kind.mirrors) sendCopy(simulation, flow, mirror);
}

/** A pod's own proxy cannot tell by which of its Services it was called, and names the first. */
function receive(simulation: Simulation, flow: Flow, { pod, result, durationMs }: Received): void {
  const received = { flow, pod, sidecar: pod, reporter: 'destination', service: flow.service } as const;
  report(simulation, received, result, durationMs);
}

/** Nobody waits for the answer to a copy, and the caller's sidecar does not report it: the pod that gets it does. */
function sendCopy(
  simulation: Simulation,
  flow: Flow,
  { percent, ...choice }: Choice & { percent: number },
): void {
  if (flow.random() * 100 >= percent) return;
  const { pod, ...answer } = responseOf(flow, choice);
  if (pod === null) return;
  flow.copies.set(choice.arm.name, (flow.copies.get(choice.arm.name) ?? 0) + 1);
  receive(simulation, flow, { pod, ...answer });
}

type Received = Response & { pod: Pod };

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

function note(simulation: Simulation, flow: Flow, version: string, kind: string): void {
  const last = { wallMs: simulation.nowMs(), simulatedSeconds: simulation.seconds };
  const { count = 0, byKind = new Map<string, number>() } = flow.sent.get(version) ?? {};
  byKind.set(kind, (byKind.get(kind) ?? 0) + 1);
  flow.sent.set(version, { count: count + 1, byKind, last });
}

/** A restarted pod counts from zero again, so the restarts are part of the key. */
export function telemetryOf(simulation: Simulation, pod: Pod): Telemetry {
  const key = `${pod.namespace}/${pod.name}/${pod.restarts}`;
  const known = simulation.telemetry.get(key);
  if (known !== undefined) return known;
  const fresh = createTelemetry(serviceOf(simulation.mesh, pod)?.durationBucketsMs);
  simulation.telemetry.set(key, fresh);
  return fresh;
}

function serviceOf({ services }: MeshSpec, { namespace, workload }: Pod): ServiceSpec | undefined {
  return services.find(
    (service) => service.namespace === namespace && service.versions.some((one) => one.workload === workload),
  );
}
