import type { ManagedRoute } from '../managed-route.ts';
import type { GitOps, Mover } from '../mover.ts';
import type { Arm, LocatedRequest, Target } from '../target.ts';
import type { Share } from '../units.ts';
import type { OtherRoutes } from './other-routes.ts';

/** Pods behind one destination; `unknown` when canaryd may not read them. Terminating pods are not counted. */
export type Readiness = { kind: 'known'; ready: number; total: number } | { kind: 'unknown'; why: string };

/** One pod that serves a destination. `digests`: the image that each container of the pod's own template runs. */
export type PodImages = {
  /** The `pod-template-hash` label, or what stands for it: it changes with every redeployment. Null when there is none. */
  templateHash: string | null;
  ready: boolean;
  digests: Record<string, string>;
};

/** What the pods behind one destination run; injected containers, such as the sidecar, are left out. */
export type Images = { kind: 'known'; pods: PodImages[] } | { kind: 'unknown'; why: string };

/** A fault of the VirtualService's shape, with the path in the object that is not understood. */
export type ShapeFault = {
  code:
    | 'route-not-found'
    | 'route-ambiguous'
    | 'destination-not-in-route'
    | 'split-not-at-rest'
    | 'unsupported-shape'
    | 'canary-ambiguous'
    | 'subset-not-found'
    | 'service-not-found';
  /** Path inside the object, such as `spec.http[0].route[2].weight`. */
  path: string;
  message: string;
  /** Which VirtualService of the target, as `namespace/name`, where it is not the only one. */
  object?: string;
  /** Where the request names the route that is meant, from its VirtualService on: `['tls', 0]`. */
  asked?: readonly (string | number)[];
};

/** Why the mesh gave no usable answer. */
export type MeshFailure = {
  kind: 'unavailable';
  reason:
    | 'forbidden'
    | 'unauthorized'
    | 'throttled'
    | 'denied'
    | 'invalid'
    | 'unreachable'
    | 'timeout'
    | 'serverError'
    | 'unreadable';
  why: string;
};

/** A rollout as an annotation names it, with the epoch of the write that did so. */
export type Owner = { rolloutId: string; epoch: number };

/** The route as it stands now. */
export type SplitView = {
  kind: 'split';
  uid: string;
  /** What the next conditional write builds on; only the adapter that made it can read it. */
  snapshot: unknown;
  /** 0 when the canary's destination is absent; the highest share where routes that are moved have different ones. */
  canaryShare: Share;
  /** The lowest share, only where routes have different ones. */
  lowestShare?: Share;
  /** False when stable's destination is gone: a write of 100 % to it cannot be expressed. */
  hasStable: boolean;
  /**
   * Traffic that somebody gave to a destination that is no part of the rollout; null when there is none. The way
   * forward waits for a person; going back takes the canary's share alone and leaves this one where it is.
   */
  foreign: ShapeFault | null;
  /** True when other routes bring stable requests too, so that its count says little about the canary's. */
  stableHasOtherRoutes: boolean;
  /** True when other routes bring the canary requests too, so that it may have more than its share. */
  canaryHasOtherRoutes: boolean;
  /** The names of the managed routes that stand there, without repetition, in their order. */
  managedRoutes: string[];
  /** Those of them, of the ones that a look was told of, that take other requests or send them elsewhere. */
  changedRoutes: string[];
  /** From our annotations; null when there are none. */
  owner: Owner | null;
  /** Who last wrote the routes; null when it was canaryd, or nobody knows. It tells who wrote last, not what. */
  movedBy: Mover | null;
  /** Who last wrote our annotations; null when it was canaryd, or nobody knows. */
  signedBy: Mover | null;
  /** The GitOps tool whose marks stand there, or that wrote the routes last. */
  gitOps: GitOps | null;
  /** Who was taken back while nobody could write it down: by `break-glass`, or by a worker without a database. */
  rolledBack: Owner | null;
  readiness: { stable: Readiness; canary: Readiness };
  images: { stable: Images; canary: Images };
  /** Made of what a watch has told and not read for this look: up to `recentSeconds` old, or `recentBehindStaleSeconds`. */
  recent?: true;
  /** Where a target has several VirtualServices: the view of each that was read, of which this one is made. */
  objects?: ObjectView[];
  /** What could not be read, only where a look asked for what can be: whole VirtualServices, or routes of one. */
  gaps?: Gap[];
};

/** The view of one VirtualService among several; `name` is `namespace/name`. */
export type ObjectView = SplitView & { name: string };
/** Why one VirtualService among several could not be read, or one route of a VirtualService; `name` is `namespace/name`. */
export type Gap = { name: string; view: Exclude<MeshView, SplitView> };

export type MeshView = SplitView | (Unseen & Beside);

type Unseen =
  /** `name`: which of several. */
  | { kind: 'missing'; name?: string }
  | ({ kind: 'shape'; fault: ShapeFault } & Partial<Pick<SplitView, 'movedBy' | 'gitOps'>>)
  | MeshFailure;

/** Of several VirtualServices those that could be read all the same: enough to go back on, and never to go forward on. */
type Beside = { readable?: SplitView };

/** One JSON Patch operation on a spec, with what stood there before, for people who preview it. */
export type SpecChange = {
  /** Which VirtualService, as `namespace/name`, where there are several. */
  object?: string;
  op: 'add' | 'replace' | 'remove';
  path: string;
  /** The weight or the route that stood there; null for none. */
  from: unknown;
  value: unknown;
};

export type Resolution =
  | { kind: 'resolved'; target: Target; readiness: { stable: Readiness; canary: Readiness } }
  | { kind: 'missing'; name?: string }
  | { kind: 'shape'; fault: ShapeFault }
  | MeshFailure;

/**
 * A weight to write. `end` restores the form of the weights as they stood before the rollout. `unrecorded` leaves word
 * in the object that a rollback could not be written down, for the turn that finds it.
 */
export type WeightWrite = {
  share: Share;
  rolloutId: string;
  epoch: number;
  end: boolean;
  /** The managed routes that are to stand there; without it those that do stay. The end takes all of them away. */
  managed?: ManagedRoute[];
  unrecorded?: boolean;
};

export type WriteOutcome = { kind: 'applied'; canaryShare: Share } | (NotWritten & Partly);

type NotWritten =
  /** Somebody wrote since the snapshot was taken: read again. */
  | { kind: 'conflict' }
  | { kind: 'missing' }
  /** No answer, or a broken one: the write may or may not have been applied. */
  | { kind: 'ambiguous'; why: string }
  | MeshFailure;

/** Those of several VirtualServices that were written and read back all the same, as `namespace/name`. */
type Partly = { done?: string[] };

/** What the API server says of a write that it does not carry out; `unknown` when it would not, or could not, try. */
export type Rehearsal =
  | { kind: 'accepted' }
  /** It would be refused again: by an admission webhook, for want of a right, or as invalid. */
  /** `object`: which of several, as `namespace/name`. */
  | { kind: 'refused'; reason: 'denied' | 'forbidden' | 'invalid'; why: string; object?: string }
  | { kind: 'unknown'; why: string };

/** A VirtualService by name. */
export type MeshName = { cluster: string; namespace: string; virtualService: string };

/** One destination of a route as it stands now; `weight` is the raw number, null when none is written. */
export type SurveyedDestination = {
  host: string;
  subset: string | null;
  weight: number | null;
  share: Share;
};

/** One http route, and whether a rollout could start there as it stands. */
export type SurveyedRoute = {
  /** Empty for a route that has no name. */
  name: string;
  /** Where it stands in the object, such as `spec.http[0]`. */
  path: string;
  /** Empty when they cannot be read; then `start` says why. */
  destinations: SurveyedDestination[];
  start: { kind: 'ready'; stable: Arm; canary: Arm } | { kind: 'shape'; fault: ShapeFault };
};

export type Survey =
  | { kind: 'survey'; uid: string; routes: SurveyedRoute[] }
  | { kind: 'missing' }
  /** Nothing of it can be moved. */
  | { kind: 'shape'; fault: ShapeFault }
  | MeshFailure;

/** How old a `recent` view may be, in seconds: a stream that broke without a sound is found out by then. */
export const recentSeconds = 33;

/**
 * How old it may be behind an API server that is itself stale, tells nothing and ends its streams as it should: by then
 * everything is listed anew.
 */
export const recentBehindStaleSeconds = 300;

export type LookOptions = {
  recent?: boolean;
  urgent?: boolean;
  partial?: boolean;
  /** The managed routes that are to stand there, so that a changed one is told. */
  managed?: readonly ManagedRoute[];
};

/** The mesh. Every call ends when `signal` aborts and then answers `unavailable` or `ambiguous`; none throws for what a mesh may answer. */
export interface Mesh {
  /**
   * Reads a requested target and gives the roles: stable holds the whole share, canary holds 0. Refuses a target into
   * which one of the `managed` routes of its plan cannot be put.
   */
  resolve(
    request: LocatedRequest,
    signal: AbortSignal,
    managed?: readonly ManagedRoute[],
  ): Promise<Resolution>;
  /**
   * Reads all VirtualServices of the target; with `recent` what a watch has told will do, and then the view says so. What
   * is `urgent` waits for none that is not. One of several that cannot be read is the answer for all of them, unless the
   * look is `partial`: then it is a gap, and so is one of several routes that weights cannot take back.
   */
  look(target: Target, signal: AbortSignal, options?: LookOptions): Promise<MeshView>;
  /** All http routes of a VirtualService as they stand now, whatever their shape. */
  survey(name: MeshName, signal: AbortSignal): Promise<Survey>;
  /**
   * One conditional patch on top of `view`: weights, managed routes and canaryd's annotations, nothing else. To a share
   * of 0 it is urgent. Several VirtualServices are patched one after the other, up to the first that fails; what
   * brings the canary no more goes to all at once, and whatever fails keeps none from it, nor does a route that is lost: that is `ambiguous`.
   */
  write(target: Target, view: SplitView, write: WeightWrite, signal: AbortSignal): Promise<WriteOutcome>;
  /** The same patch, sent for a dry run: authorization, validation and admission webhooks answer, and nothing is stored. */
  rehearse(target: Target, view: SplitView, write: WeightWrite, signal: AbortSignal): Promise<Rehearsal>;
  /** What sends requests to the canary beside the weights that are moved; what is not known stands in it. */
  otherRoutes(target: Target, signal: AbortSignal): Promise<OtherRoutes>;
  /** The changes that exactly these writes would make, in order, from weights at rest; touches nothing. */
  preview(
    request: LocatedRequest,
    writes: Pick<WeightWrite, 'share' | 'end' | 'managed'>[],
    signal: AbortSignal,
  ): Promise<{ kind: 'preview'; changes: SpecChange[][] } | Exclude<Resolution, { kind: 'resolved' }>>;
}
