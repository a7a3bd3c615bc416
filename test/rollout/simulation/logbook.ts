import type { Approval } from '../../../src/rollout/approval.ts';
import type { Command } from '../../../src/rollout/command.ts';
import type { HoldOrder } from '../../../src/rollout/ports/store.ts';
import type { Actor } from '../../../src/rollout/reasons.ts';
import type { Rollout } from '../../../src/rollout/rollout.ts';
import type { Pod } from './pods.ts';

/** What really stood there when a turn looked, whatever it was shown. */
export type Look = { at: number; stable: Pod[]; canary: Pod[] };

/** One turn, from its claim on; `forwardMs` is how long the rollout had been on its way forward by then. */
export type Turn = {
  epoch: number;
  at: number;
  before: Rollout;
  order: HoldOrder | null;
  forwardMs: number;
  looks: Look[];
  saved: Rollout[];
};

/** A change of the stored rollout, by a turn or by somebody's word. */
export type Change = {
  before: Rollout;
  after: Rollout;
  by: 'turn' | 'word';
  turn: Turn | null;
  share: number;
};

/** A command that was obeyed; `pending` is the request for approval that waited then. */
export type Word = { command: Command; actor: Actor; before: Rollout; pending: Approval | null };

/** A new kind of canary pod: another build, or the same one under a new template. */
type Redeployment = { at: number; template: string };

/** Everything that is judged after a run. */
export type Logbook = {
  turns: Map<number, Turn>;
  changes: Change[];
  words: Word[];
  redeployments: Redeployment[];
  errors: string[];
};

export function emptyLogbook(): Logbook {
  return { turns: new Map(), changes: [], words: [], redeployments: [], errors: [] };
}

/** The same value, which nobody can change any more. */
export function frozen<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const part of Object.values(value)) frozen(part);
  return value;
}
