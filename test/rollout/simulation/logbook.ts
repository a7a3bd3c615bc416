import type { Approval } from '../../../src/rollout/approval.ts';
import type { Command } from '../../../src/rollout/command.ts';
import type { MeshView } from '../../../src/rollout/ports/mesh.ts';
import type { HoldOrder } from '../../../src/rollout/ports/store.ts';
import type { Actor } from '../../../src/rollout/reasons.ts';
import type { Rollout } from '../../../src/rollout/rollout.ts';
import type { Pod } from './pods.ts';

/** What really stood there when a turn looked, whatever it was shown. */
export type Look = { at: number; stable: Pod[]; canary: Pod[]; isMissing: boolean };

/** What a turn decided on: its first look that was no old view; a write that it repeats looks at the weights only. */
export function decidingLook(turn: Turn | null): Look | undefined {
  return turn?.looks[0] ?? turn?.oldLooks[0];
}

/** What a watch may tell: what was read at an instant, and what stood there then. */
type Heard = { at: number; view: MeshView; stood: Look; moves: number };

/** One turn, from its claim on; `forwardMs` is how long the rollout had been on its way forward by then. */
export type Turn = {
  epoch: number;
  at: number;
  before: Rollout;
  order: HoldOrder | null;
  forwardMs: number;
  looks: Look[];
  /** What stood there when the views were made that a watch told it. */
  oldLooks: Look[];
  saved: Rollout[];
  /** True when the database gave it no answer to a write. */
  isCutOff: boolean;
  /** How many moves by other hands it knows of, from what it read last. */
  moves: number;
};

/** A change of the stored rollout, by a turn or by somebody's word; `moves`: those by other hands that it knew of. */
export type Change = {
  before: Rollout;
  after: Rollout;
  by: 'turn' | 'word';
  turn: Turn | null;
  share: number;
  moves: number;
};

/** A command that was obeyed; `pending` is the request for approval that waited then. */
export type Word = { at: number; command: Command; actor: Actor; before: Rollout; pending: Approval | null };

/** A new kind of canary pod: another build, or the same one under a new template. */
export type Redeployment = { at: number; template: string };

/** A patch that the mesh took; `moves`: those by other hands before it. */
export type Landed = {
  at: number;
  share: number;
  from: number;
  epoch: number;
  moves: number;
  uid: string;
};

/** Somebody took this rollout's canary back in that object, after so many writes. */
type Glass = { uid: string; writes: number };

/** Somebody else moved the canary's share: by an edit, by deleting the object, or by creating it anew. */
export type Move = { at: number; from: number; to: number };

/** Everything that is judged after a run. */
export type Logbook = {
  turns: Map<number, Turn>;
  changes: Change[];
  words: Word[];
  redeployments: Redeployment[];
  writes: Landed[];
  moves: Move[];
  glass: Glass[];
  /** Instants of which the provider told nothing that may be believed, and of which it told the truth. */
  lies: Set<number>;
  truths: Set<number>;
  /** Every answer to a look, the oldest first. */
  heard: Heard[];
  errors: string[];
  /** Where a turn read the clock of its own process. */
  clockReads: string[];
};

export function emptyLogbook(): Logbook {
  return {
    turns: new Map(),
    changes: [],
    words: [],
    redeployments: [],
    writes: [],
    moves: [],
    glass: [],
    lies: new Set(),
    truths: new Set(),
    heard: [],
    errors: [],
    clockReads: [],
  };
}

/** The same value, which nobody can change any more. */
export function frozen<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const part of Object.values(value)) frozen(part);
  return value;
}
