import type { Mesh } from '../../src/rollout/ports/mesh.ts';
import type { JsonObject } from '../../src/sandbox/json.ts';
import type { Where } from '../fakes/mesh.ts';

/** What a simulated world knows at once and a real cluster has to be asked for. */
type Eventually<Value> = Value | Promise<Value>;

/** The objects of a mesh that has such, and what somebody else writes into them. */
export type MeshObjects = {
  spec(where: Where): Eventually<JsonObject>;
  /** Puts these fields in the place of those of the spec. */
  mergeSpec(where: Where, fields: JsonObject): Eventually<void>;
  /** A VirtualService of another name in another namespace, with the same destinations. */
  elsewhere(weights: Record<string, number>): Eventually<Where>;
};

/** A mesh under test and the hands of others in it. Every `add` makes a new VirtualService in the route's order. */
export type MeshWorld = {
  mesh: Mesh;
  /** Why there are no pods whose readiness could be followed; absent where there are. */
  withoutPods?: string;
  add(shares: Record<string, number>): Eventually<Where>;
  /** Gives these subsets these shares; a subset that is left out is taken out of the route. */
  setShares(where: Where, shares: Record<string, number>): Eventually<void>;
  touch(where: Where): Eventually<void>;
  remove(where: Where): Eventually<void>;
  recreate(where: Where, shares: Record<string, number>): Eventually<void>;
  /** The weights as they stand, in the order of the route; null where none is written. */
  weights(where: Where): Eventually<(number | null)[]>;
  /** Somebody else writes the managed routes that stand there in a form of their own, under the same names. */
  spoilManaged(where: Where): Eventually<void>;
  /** A mesh without objects has none. */
  objects?: MeshObjects;
  /** The http routes as they stand; a mesh without objects has none. */
  http?(where: Where): Eventually<Record<string, unknown>[]>;
  setReadyPods(where: Where, subset: string, ready: number): Eventually<void>;
  /** Replaces the pods of a subset; a mesh whose pods the test may not touch has none. */
  pods?: {
    redeploy(where: Where, subset: string, image: string): Eventually<void>;
    /** The same images under a new template. */
    restart(where: Where, subset: string): Eventually<void>;
  };
  close(): Promise<void>;
};
