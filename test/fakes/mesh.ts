import { z } from 'zod';
import { namesOf } from '../../src/rollout/managed.ts';
import { isSameRoutes, type ManagedRoute } from '../../src/rollout/managed-route.ts';
import type {
  Images,
  Mesh,
  MeshFailure,
  MeshName,
  MeshView,
  Owner,
  Readiness,
  Rehearsal,
  Resolution,
  ShapeFault,
  SpecChange,
  SplitView,
  Survey,
  WeightWrite,
  WriteOutcome,
} from '../../src/rollout/ports/mesh.ts';
import type { OtherRoutes } from '../../src/rollout/ports/other-routes.ts';
import {
  bringsNoMore,
  type MadeObject,
  madeOf,
  objectName,
  oneByOne,
  together,
} from '../../src/rollout/several.ts';
import type { Arm, LocatedRequest, Target, TargetRequest } from '../../src/rollout/target.ts';
import type { Share } from '../../src/rollout/units.ts';

export type Where = { namespace: string; virtualService: string };
type AcceptedWrite = { share: Share; epoch: number; rolloutId: string };
type WriteFailure = Exclude<WriteOutcome, { kind: 'applied' }>;

/** One VirtualService as the fake holds it: shares in percent by subset, in the order of the route. */
type FakeVirtualService = {
  uid: string;
  resourceVersion: number;
  shares: Record<string, Share>;
  /** Managed routes that stand there, by name. */
  managedRoutes: string[];
  /** What canaryd wrote into them; one that somebody else wrote is left out. */
  written: ManagedRoute[];
  owner: Owner | null;
  rolledBack: Owner | null;
  readiness: Record<string, Readiness>;
  images: Record<string, Images>;
};

/** Both switches exist to show that a safety rule is needed: without it the simulation must find a fault. */
export type FakeMeshOptions = {
  /** False accepts a write that builds on a stale snapshot. */
  resourceVersion?: boolean;
  /** False answers `applied` to a write that leaves the share as it is, and changes nothing at all. */
  closingWrite?: boolean;
};

export interface FakeMesh extends Mesh {
  /** Adds a VirtualService; without `shares` v1 holds 100 % and v2 nothing. All pods are ready: 3 of 3. */
  add(where: Where, shares?: Record<string, Share>): void;
  /** What stands there now, as a copy; null when there is no such VirtualService. */
  at(where: Where): FakeVirtualService | null;
  /** The share of one subset now; 0 when it or the VirtualService is absent. */
  shareOf(where: Where, subset?: string): Share;
  /** Every write that was accepted, the oldest first; it survives a deletion. */
  writes(where: Where): AcceptedWrite[];
  /** Somebody else gives `subset` this share and the rest to the first other destination. */
  moveByAnotherHand(where: Where, share: Share, subset?: string): void;
  /** Somebody else writes all destinations anew: those left out are gone. */
  setShares(where: Where, shares: Record<string, Share>): void;
  /** Somebody else edits something that is no weight: the resourceVersion is spent. */
  touchByAnotherHand(where: Where): void;
  /** Somebody takes the canary's traffic with nothing but a kubeconfig, as `break-glass` does. */
  breakGlass(where: Where): void;
  /** Somebody else puts managed routes of their own in place, or takes them away; also one of the same name. */
  setManagedRoutes(where: Where, names: string[]): void;
  /** Somebody else takes a destination out of the route. */
  removeDestination(where: Where, subset: string): void;
  delete(where: Where): void;
  /** The same name with a new uid, no annotations and v1 at 100 %, or with `shares`. */
  recreate(where: Where, shares?: Record<string, Share>): void;
  setReadiness(where: Where, subset: string, readiness: Readiness): void;
  /** What the pods of one subset run; until then one ready pod, whose digest is made of the subset's name. */
  setImages(where: Where, subset: string, images: Images): void;
  /** The next write answers this; with `landed` it changes the object all the same. Several calls queue up. */
  failNextWrite(failure: WriteFailure, options?: { landed: boolean }): void;
  /** The next `look` answers this. Several calls queue up. */
  failNextLook(failure: MeshFailure | { kind: 'shape'; fault: ShapeFault }): void;
  /** The next write that is rehearsed is answered like this. Several calls queue up. */
  failNextRehearsal(rehearsal: Rehearsal): void;
  /** What sends requests to the canary beside the weights; nothing until then. */
  setOtherRoutes(where: Where, found: Partial<OtherRoutes>): void;
  /** Everything answers this until it is called with null. */
  breakDown(failure: MeshFailure | null): void;
  /** Looks and writes of this VirtualService answer this until it is called with null; with `writes` only those. */
  breakDownAt(where: Where, failure: MeshFailure | null, only?: 'writes'): void;
}

type World = {
  options: Required<FakeMeshOptions>;
  objects: Map<string, FakeVirtualService>;
  accepted: Map<string, AcceptedWrite[]>;
  writeFailures: { failure: WriteFailure; landed: boolean }[];
  lookFailures: (MeshFailure | { kind: 'shape'; fault: ShapeFault })[];
  rehearsals: Rehearsal[];
  otherRoutes: Map<string, OtherRoutes>;
  breakdown: MeshFailure | null;
  breakdowns: Map<string, { failure: MeshFailure; only: 'writes' | undefined }>;
  /** One counter for the whole mesh, as in Kubernetes: a version is never used twice. */
  version: number;
};

const Snapshot = z.object({ resourceVersion: z.number() });
/** A mesh in which nothing but the rollout's weights sends requests to the canary. */
const noOtherRoutes: OtherRoutes = { routes: [], more: 0, direct: null, unknown: [] };
const allReady: Readiness = { kind: 'known', ready: 3, total: 3 };
const atRest = { v1: 100, v2: 0 };
const aborted: MeshFailure = { kind: 'unavailable', reason: 'timeout', why: 'the time for the call was up' };

/** A mesh in memory that obeys the promises of the `Mesh` port; it uses no clock, no timer and no randomness. */
export function fakeMesh(options: FakeMeshOptions = {}): FakeMesh {
  const world: World = {
    options: { resourceVersion: true, closingWrite: true, ...options },
    objects: new Map(),
    accepted: new Map(),
    writeFailures: [],
    lookFailures: [],
    rehearsals: [],
    otherRoutes: new Map(),
    breakdown: null,
    breakdowns: new Map(),
    version: 0,
  };
  return {
    resolve: async (request, signal) => outage(world, signal) ?? resolve(world, request),
    look: async (target, signal, { partial = false, managed = [] } = {}) =>
      outage(world, signal) ??
      world.lookFailures.shift() ??
      together(
        target,
        oneByOne(target).map((one) => look(world, one, managed)),
        partial,
      ),
    survey: async (name, signal) => outage(world, signal) ?? survey(world, name),
    write: async (target, view, write, signal) =>
      outage(world, signal) ?? writeAll(world, target, view, write),
    rehearse: async (target, view, _write, signal) => rehearse(world, { target, view, signal }),
    otherRoutes: async (target, signal) => otherRoutes(world, target, signal),
    preview: async (request, writes, signal) => outage(world, signal) ?? preview(world, request, writes),
    ...hands(world),
    at: (where) => structuredClone(world.objects.get(key(where)) ?? null),
    shareOf: (where, subset = 'v2') => world.objects.get(key(where))?.shares[subset] ?? 0,
    writes: (where) => [...(world.accepted.get(key(where)) ?? [])],
    failNextWrite: (failure, { landed } = { landed: false }) => world.writeFailures.push({ failure, landed }),
    failNextLook: (failure) => world.lookFailures.push(failure),
    failNextRehearsal: (rehearsal) => world.rehearsals.push(rehearsal),
    setOtherRoutes: (where, found) => void world.otherRoutes.set(key(where), { ...noOtherRoutes, ...found }),
    breakDown: (failure) => {
      world.breakdown = failure;
    },
    breakDownAt: (where, failure, only) => {
      if (failure === null) world.breakdowns.delete(key(where));
      else world.breakdowns.set(key(where), { failure, only });
    },
  };
}

function hands(world: World) {
  const edit = (where: Where, change: (object: FakeVirtualService) => void) => {
    const object = world.objects.get(key(where));
    if (object === undefined) throw new Error(`the fake mesh has no ${key(where)}`);
    change(object);
    world.version += 1;
    object.resourceVersion = world.version;
  };
  const add = (where: Where, shares: Record<string, Share> = atRest) => {
    world.version += 1;
    const readiness = Object.fromEntries(Object.keys(shares).map((subset) => [subset, allReady]));
    const uid = `uid-${world.version}`;
    const object = {
      uid,
      resourceVersion: world.version,
      shares: { ...shares },
      managedRoutes: [],
      written: [],
      owner: null,
      rolledBack: null,
      readiness,
      images: {},
    };
    world.objects.set(key(where), object);
  };
  const objectAt = (where: Where) => {
    const object = world.objects.get(key(where));
    if (object === undefined) throw new Error(`the fake mesh has no ${key(where)}`);
    return object;
  };
  return {
    add,
    recreate: add,
    delete: (where: Where) => void world.objects.delete(key(where)),
    touchByAnotherHand: (where: Where) => edit(where, () => undefined),
    moveByAnotherHand: (where: Where, share: Share, subset = 'v2') =>
      edit(where, ({ shares }) => {
        const other = Object.keys(shares).find((name) => name !== subset);
        shares[subset] = share;
        if (other !== undefined) shares[other] = remainder(share);
      }),
    setShares: (where: Where, shares: Record<string, Share>) =>
      edit(where, (object) => {
        object.shares = { ...shares };
      }),
    breakGlass: (where: Where) =>
      edit(where, (object) => {
        object.shares = { ...object.shares, v1: 100, v2: 0 };
        object.rolledBack = object.owner;
        object.managedRoutes = [];
      }),
    setManagedRoutes: (where: Where, names: string[]) =>
      edit(where, (object) => {
        object.managedRoutes = names;
        object.written = [];
      }),
    removeDestination: (where: Where, subset: string) => edit(where, ({ shares }) => delete shares[subset]),
    setImages: (where: Where, subset: string, images: Images) => {
      objectAt(where).images[subset] = images;
    },
    setReadiness: (where: Where, subset: string, readiness: Readiness) => {
      objectAt(where).readiness[subset] = readiness;
    },
  };
}

function key(where: Where): string {
  return `${where.namespace}/${where.virtualService}`;
}

function remainder(share: Share): Share {
  return Math.round((100 - share) * 100) / 100;
}

function outage(world: World, signal: AbortSignal): MeshFailure | null {
  return signal.aborted ? aborted : world.breakdown;
}

function resolve(world: World, request: LocatedRequest): Resolution {
  const { also = [], namespace, ...rest } = request;
  const first = resolveOne(world, { namespace, ...rest });
  if (first.kind !== 'resolved') return first;
  const objects: Target['also'] = [];
  for (const one of also) {
    const asked = { ...rest, namespace: one.namespace ?? namespace, virtualService: one.virtualService };
    const other = resolveOne(world, asked);
    if (other.kind === 'missing') return { kind: 'missing', name: key(asked) };
    if (other.kind !== 'resolved') return other;
    const { virtualService, uid, routes } = other.target;
    objects.push({ namespace: asked.namespace, virtualService, uid, routes });
  }
  return { ...first, target: { ...first.target, also: objects } };
}

function resolveOne(world: World, request: LocatedRequest): Resolution {
  const object = world.objects.get(key(request));
  if (object === undefined) return { kind: 'missing' };
  const roles = findRoles(object.shares, request);
  if (roles.kind === 'shape') return roles;
  const target: Target = {
    cluster: request.cluster,
    namespace: request.namespace,
    virtualService: request.virtualService,
    uid: object.uid,
    route: request.route ?? '',
    stable: arm(request, roles.stable),
    canary: arm(request, roles.canary),
    routes: [
      { key: { kind: 'http', name: request.route ?? '' }, original: { stable: 100, canary: 0, others: [] } },
    ],
    also: [],
    stableReadyAtStart: readyPods(readinessOf(object, roles.stable)),
  };
  return { kind: 'resolved', target, readiness: readinessOfArms(object, target) };
}

function survey(world: World, name: MeshName): Survey {
  const object = world.objects.get(key(name));
  if (object === undefined) return { kind: 'missing' };
  const resolution = resolve(world, name);
  if (resolution.kind === 'missing' || resolution.kind === 'unavailable') return resolution;
  const start =
    resolution.kind === 'shape'
      ? resolution
      : { kind: 'ready' as const, stable: resolution.target.stable, canary: resolution.target.canary };
  const destinations = Object.entries(object.shares).map(([subset, share]) => {
    return { host: name.virtualService, subset, weight: share, share };
  });
  const route = { name: 'primary', path: 'spec.http[0]', destinations, start };
  return { kind: 'survey', uid: object.uid, routes: [route] };
}

type Roles = { kind: 'roles'; stable: string; canary: string } | { kind: 'shape'; fault: ShapeFault };

function findRoles(shares: Record<string, Share>, request: TargetRequest): Roles {
  const subsets = Object.keys(shares);
  const stable = subsets.find((subset) => shares[subset] === 100);
  if (stable === undefined) return fault('split-not-at-rest', `the split is ${JSON.stringify(shares)}`);
  if (request.stable !== undefined && request.stable.subset !== stable) {
    return fault('split-not-at-rest', `${stable} has all traffic, not ${request.stable.subset}`);
  }
  const candidates = subsets.filter((subset) => subset !== stable);
  const asked = request.canary?.subset;
  if (asked !== undefined && !candidates.includes(asked)) {
    return fault('destination-not-in-route', `the route has no canary ${asked}`);
  }
  const [canary, ...others] = asked === undefined ? candidates : [asked];
  if (canary === undefined) return fault('destination-not-in-route', 'the route has one destination');
  if (others.length > 0) return fault('canary-ambiguous', `name one of ${candidates.join(', ')}`);
  return { kind: 'roles', stable, canary };
}

function fault(code: ShapeFault['code'], message: string): { kind: 'shape'; fault: ShapeFault } {
  return { kind: 'shape', fault: { code, path: 'spec.http[0].route', message } };
}

function arm(request: TargetRequest, subset: string): Arm {
  const { virtualService: host, namespace } = request;
  const podLabels = { app: host, version: subset };
  return { host, subset, service: { name: host, namespace }, version: subset, podLabels };
}

/** Under which the fake keeps what belongs to a destination: it knows subsets only. */
function nameOf({ subset, host }: Arm): string {
  return subset ?? host;
}

function readyPods(readiness: Readiness): number | null {
  return readiness.kind === 'known' ? readiness.ready : null;
}

/** One ready pod, whose digest is made of the name of its subset or its build. */
export function imagesOf(build: string, pods = 1, template = build): Images {
  const pod = { templateHash: `hash-${template}`, ready: true, digests: { app: `sha256:${build}` } };
  return { kind: 'known', pods: Array.from({ length: pods }, () => pod) };
}

/** Pods of these builds, each ready or still on its way. */
export function podsOf(...pods: [build: string, ready: boolean][]): Images {
  const runs = pods.map(([build, ready]) => ({
    templateHash: build,
    ready,
    digests: { app: `sha256:${build}` },
  }));
  return { kind: 'known', pods: runs };
}

function readinessOf(object: FakeVirtualService, subset: string): Readiness {
  return object.readiness[subset] ?? allReady;
}

function readinessOfArms(object: FakeVirtualService, target: Target): SplitView['readiness'] {
  return {
    stable: readinessOf(object, nameOf(target.stable)),
    canary: readinessOf(object, nameOf(target.canary)),
  };
}

function look(world: World, target: Target, managed: readonly ManagedRoute[]): MeshView {
  const broken = world.breakdowns.get(key(target));
  if (broken !== undefined && broken.only !== 'writes') return broken.failure;
  const object = world.objects.get(key(target));
  if (object === undefined) return { kind: 'missing' };
  const third = Object.entries(object.shares).find(([subset, share]) => share > 0 && !isArm(target, subset));
  const foreign =
    third === undefined ? null : fault('unsupported-shape', `${third[0]} has ${third[1]} %`).fault;
  return {
    kind: 'split',
    uid: object.uid,
    snapshot: { resourceVersion: object.resourceVersion },
    canaryShare: third === undefined ? (object.shares[nameOf(target.canary)] ?? 0) : ofSplit(object, target),
    hasStable: nameOf(target.stable) in object.shares,
    foreign,
    stableHasOtherRoutes: false,
    canaryHasOtherRoutes: false,
    managedRoutes: [...object.managedRoutes],
    changedRoutes: changedIn(object, managed),
    movedBy: null,
    signedBy: null,
    gitOps: null,
    owner: object.owner === null ? null : { ...object.owner },
    rolledBack: object.rolledBack === null ? null : { ...object.rolledBack },
    readiness: readinessOfArms(object, target),
    images: {
      stable: object.images[nameOf(target.stable)] ?? imagesOf(nameOf(target.stable)),
      canary: object.images[nameOf(target.canary)] ?? imagesOf(nameOf(target.canary)),
    },
  };
}

/** The canary's part of what both arms have together, beside whatever others have. */
function ofSplit({ shares }: FakeVirtualService, target: Target): Share {
  const [stable, canary] = [shares[nameOf(target.stable)] ?? 0, shares[nameOf(target.canary)] ?? 0];
  return stable + canary === 0 ? 0 : Math.round((10_000 * canary) / (stable + canary)) / 100;
}

function isArm(target: Target, subset: string): boolean {
  return subset === nameOf(target.stable) || subset === nameOf(target.canary);
}

/** As the port says: what brings no more all at once, otherwise one after the other up to the first that fails. */
function writeAll(world: World, target: Target, view: SplitView, write: WeightWrite): WriteOutcome {
  const { objects } = view;
  if (objects === undefined) return writeOrFail(world, target, view, write);
  const made: MadeObject[] = [];
  const inOrder = !bringsNoMore(objects, write);
  const gaps = (view.gaps ?? []).map(({ name }) => name);
  for (const one of oneByOne(target).filter((each) => !gaps.includes(objectName(each)))) {
    const on = objects.find(({ name }) => name === objectName(one));
    if (on === undefined) throw new Error(`${objectName(one)} was not read`);
    const outcome = writeOrFail(world, one, on, write);
    made.push({ name: on.name, outcome, on });
    if (outcome.kind !== 'applied' && inOrder) return partly(named(outcome, on.name), made);
  }
  const isContested = made.some(({ outcome }) => outcome.kind === 'conflict');
  return partly(isContested ? { kind: 'conflict' } : madeOf(view, made).outcome, made);
}

function partly(outcome: WriteOutcome, made: MadeObject[]): WriteOutcome {
  const done = made.flatMap(({ name, outcome: { kind } }) => (kind === 'applied' ? [name] : []));
  return outcome.kind === 'applied' || done.length === 0 ? outcome : { ...outcome, done };
}

function named(outcome: WriteOutcome, name: string): WriteOutcome {
  return 'why' in outcome ? { ...outcome, why: `${name}: ${outcome.why}` } : outcome;
}

function writeOrFail(world: World, target: Target, view: SplitView, write: WeightWrite): WriteOutcome {
  const broken = world.breakdowns.get(key(target));
  if (broken !== undefined) return broken.failure;
  const next = world.writeFailures.shift();
  if (next === undefined) return accept(world, target, view, write);
  if (next.landed) accept(world, target, view, write);
  return next.failure;
}

type Tried = { target: Target; view: SplitView; signal: AbortSignal };

function rehearse(world: World, { target, view, signal }: Tried): Rehearsal {
  const lost = outage(world, signal);
  if (lost !== null) return { kind: 'unknown', why: lost.why };
  const isStale = world.options.resourceVersion && !isCurrent(world, target, view);
  if (isStale) return { kind: 'unknown', why: 'somebody wrote the VirtualService meanwhile' };
  return world.rehearsals.shift() ?? { kind: 'accepted' };
}

function isCurrent(world: World, target: Target, view: SplitView): boolean {
  const seen = Snapshot.safeParse(view.snapshot);
  return !seen.success || seen.data.resourceVersion === world.objects.get(key(target))?.resourceVersion;
}

function otherRoutes(world: World, target: Target, signal: AbortSignal): OtherRoutes {
  const lost = outage(world, signal);
  if (lost !== null) return { ...noOtherRoutes, unknown: [{ namespace: null, why: lost.why }] };
  return world.otherRoutes.get(key(target)) ?? noOtherRoutes;
}

function rolledBackBy({ unrecorded = false, rolloutId, epoch }: WeightWrite): Owner | null {
  return unrecorded ? { rolloutId, epoch } : null;
}

function accept(world: World, target: Target, view: SplitView, write: WeightWrite): WriteOutcome {
  const object = world.objects.get(key(target));
  if (object === undefined) return { kind: 'missing' };
  const { resourceVersion } = Snapshot.parse(view.snapshot);
  const [stable, canary] = [nameOf(target.stable), nameOf(target.canary)];
  if (isClosing(object, write, canary) && !world.options.closingWrite)
    return { kind: 'applied', canaryShare: write.share };
  if (world.options.resourceVersion && resourceVersion !== object.resourceVersion)
    return { kind: 'conflict' };
  const absent = [stable, canary].find((name) => !(name in object.shares));
  if (absent === stable || (absent === canary && write.share > 0)) {
    return { kind: 'unavailable', reason: 'invalid', why: `the route has no destination ${absent}` };
  }
  object.shares[stable] = remainder(write.share + othersShare(object, target));
  if (absent === undefined) object.shares[canary] = write.share;
  object.written = writtenAfter(object, write);
  object.managedRoutes = managedAfter(object, write);
  object.owner = { rolloutId: write.rolloutId, epoch: write.epoch };
  object.rolledBack = rolledBackBy(write);
  world.version += 1;
  object.resourceVersion = world.version;
  remember(world, target, write);
  return { kind: 'applied', canaryShare: write.share };
}

/** True for a write that leaves everything as it is but the annotations. */
function isClosing({ shares }: FakeVirtualService, { share, managed }: WeightWrite, canary: string): boolean {
  return (shares[canary] ?? 0) === share && managed === undefined;
}

function managedAfter({ managedRoutes }: FakeVirtualService, { end, managed }: WeightWrite): string[] {
  if (end) return [];
  return managed === undefined ? managedRoutes : managed.map(({ name }) => name);
}

function writtenAfter({ written }: FakeVirtualService, { end, managed = written }: WeightWrite) {
  return end ? [] : [...managed];
}

/** Those that stand there and are not what is wanted. */
function changedIn(
  { managedRoutes, written }: FakeVirtualService,
  wanted: readonly ManagedRoute[],
): string[] {
  const isWritten = (route: ManagedRoute) => written.some((one) => isSameRoutes([one], [route]));
  return namesOf(wanted.filter((route) => managedRoutes.includes(route.name) && !isWritten(route)));
}

/** What destinations that are no part of the rollout keep for themselves. */
function othersShare({ shares }: FakeVirtualService, target: Target): Share {
  const others = Object.entries(shares).filter(([subset]) => !isArm(target, subset));
  return others.reduce((sum, [, share]) => sum + share, 0);
}

function remember(world: World, target: Target, { share, epoch, rolloutId }: WeightWrite): void {
  const earlier = world.accepted.get(key(target)) ?? [];
  world.accepted.set(key(target), [...earlier, { share, epoch, rolloutId }]);
}

function preview(
  world: World,
  request: LocatedRequest,
  writes: Pick<WeightWrite, 'share'>[],
): { kind: 'preview'; changes: SpecChange[][] } | Exclude<Resolution, { kind: 'resolved' }> {
  const resolution = resolve(world, request);
  if (resolution.kind !== 'resolved') return resolution;
  const targets = oneByOne(resolution.target);
  const changes = writes.map(({ share }, index) => {
    const [from, to] = [writes[index - 1]?.share ?? 0, share];
    return targets.flatMap((target) =>
      changesOf(world, target, { from, to }).map((change) => ({
        ...(targets.length === 1 ? {} : { object: objectName(target) }),
        ...change,
      })),
    );
  });
  return { kind: 'preview', changes };
}

function changesOf(world: World, target: Target, { from, to }: Record<'from' | 'to', Share>): SpecChange[] {
  const route = Object.keys(world.objects.get(key(target))?.shares ?? {});
  const change = (arm: Arm, before: Share, value: Share): SpecChange[] =>
    before === value
      ? []
      : [
          {
            op: 'replace',
            path: `/spec/http/0/route/${route.indexOf(nameOf(arm))}/weight`,
            from: before,
            value,
          },
        ];
  return [...change(target.stable, remainder(from), remainder(to)), ...change(target.canary, from, to)];
}
