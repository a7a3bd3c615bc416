import type { AuditEvent } from '../audit.ts';
import type { Arm } from '../target.ts';
import type { MeshFailure, Owner, SurveyedRoute } from './mesh.ts';

/** A VirtualService by name, with the cluster that it stands in. */
export type SplitPlace = { cluster: string; namespace: string; virtualService: string };

/** One of the two destinations between which a rollout moves traffic. */
export type MarkedArm = Pick<Arm, 'host' | 'subset'>;

/** The route that a rollout moves, and between what. */
export type MovedRoute = { route: string; stable: MarkedArm; canary: MarkedArm };

/** A VirtualService that a rollout moves beside its first, and the routes of it. */
export type MovedObject = Omit<SplitPlace, 'cluster'> & { uid: string; routes: string[] };

/** A VirtualService that bears canaryd's annotation, or a route with a name of canaryd's, as it stands now. */
export type MarkedSplit = SplitPlace & {
  uid: string;
  /** Null where there is no annotation; then there are managed routes. */
  owner: Owner | null;
  /** Who was taken back while nobody could write it down. */
  rolledBack: Owner | null;
  /** What canaryd noted when it began to move the split, and takes away at the end: the route with most canary. */
  noted: MovedRoute | 'unreadable' | null;
  routes: Pick<SurveyedRoute, 'name' | 'path' | 'destinations'>[];
  /** Routes that bear a name of canaryd's, such as `canaryd-header`, and where they stand. */
  managed: Pick<SurveyedRoute, 'name' | 'path'>[];
};

/** What stands in a cluster, as far as canaryd may read it. */
export type MarkedSplits = {
  kind: 'splits';
  splits: MarkedSplit[];
  /** Namespaces that could not be read now, each with the reason: nothing is known of what stands there. */
  unread: Record<string, MeshFailure>;
  /** Why not all namespaces could be read at once; null when they could. */
  narrowed: MeshFailure | null;
};

/** Finds VirtualServices by canaryd's annotation, and by the names that only its own routes have. */
export interface Marks {
  /**
   * All of a cluster; where that is forbidden, those of `namespaces`. Ends when `signal` aborts, and never throws for
   * what a mesh may answer.
   */
  marked(
    cluster: string,
    namespaces: () => Promise<string[]>,
    signal: AbortSignal,
  ): Promise<MarkedSplits | MeshFailure>;
}

/** What the database tells of a rollout that an annotation names. */
export type KnownRollout = SplitPlace & {
  id: string;
  status: string;
  hasEnded: boolean;
  /**
   * Null where this version cannot read it. `routes`: all of the first VirtualService, where there are several; `also`:
   * what it moves beside that.
   */
  moves: (MovedRoute & { uid: string; routes?: string[]; also?: MovedObject[] }) | null;
};

/** What is known of rollouts, and where warnings without a rollout are written down. */
export interface OrphanBook {
  /** Those of the ids that the database knows. */
  known(ids: readonly string[]): Promise<KnownRollout[]>;
  /** Those of the places that a live rollout holds. */
  held(places: readonly SplitPlace[]): Promise<SplitPlace[]>;
  /** Every namespace of a cluster that ever had a rollout. */
  namespaces(cluster: string): Promise<string[]>;
  /** Writes an audit row about a split; false when the same split was told of within the last hour. */
  tell(place: SplitPlace, event: AuditEvent): Promise<boolean>;
}
