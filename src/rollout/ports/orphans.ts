import type { AuditEvent } from '../audit.ts';
import type { Arm } from '../target.ts';
import type { MeshFailure, Owner, SurveyedRoute } from './mesh.ts';

/** A VirtualService by name, with the cluster that it stands in. */
export type SplitPlace = { cluster: string; namespace: string; virtualService: string };

/** One of the two destinations between which a rollout moves traffic. */
export type MarkedArm = Pick<Arm, 'host' | 'subset'>;

/** The route that a rollout moves, and between what. */
export type MovedRoute = { route: string; stable: MarkedArm; canary: MarkedArm };

/** A VirtualService that a rollout moves beside its first, and the route of it. */
export type MovedObject = Omit<SplitPlace, 'cluster'> & { uid: string; route: string };

/** A VirtualService that bears canaryd's annotation, as it stands now. */
export type MarkedSplit = SplitPlace & {
  uid: string;
  owner: Owner;
  /** Who was taken back while nobody could write it down. */
  rolledBack: Owner | null;
  /** What canaryd noted when it began to move the split, and takes away at the end. */
  noted: MovedRoute | 'unreadable' | null;
  routes: Pick<SurveyedRoute, 'name' | 'path' | 'destinations'>[];
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

/** Finds VirtualServices by canaryd's annotation. */
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
  /** Null where this version cannot read it; `also`: what it moves beside the first VirtualService. */
  moves: (MovedRoute & { uid: string; also?: MovedObject[] }) | null;
};

/** What is known of rollouts, and where warnings without a rollout are written down. */
export interface OrphanBook {
  /** Those of the ids that the database knows. */
  known(ids: readonly string[]): Promise<KnownRollout[]>;
  /** Every namespace of a cluster that ever had a rollout. */
  namespaces(cluster: string): Promise<string[]>;
  /** Writes an audit row about a split; false when the same split was told of within the last hour. */
  tell(place: SplitPlace, event: AuditEvent): Promise<boolean>;
}
