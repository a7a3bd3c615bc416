import type { AuditRow } from './audit.ts';
import type { Command, Refusal } from './command.ts';
import type { Plan } from './plan.ts';
import type { AuditQuery, MeshFailure, Remembered, RolloutQuery, ShapeFault, WeightChange } from './ports.ts';
import type { Actor, Rollout } from './rollout.ts';
import type { TargetRequest } from './target.ts';
import type { Millis } from './units.ts';

export type CreateRequest = { target: TargetRequest; plan: Plan; reason: string | null };

/** Why a target cannot be rolled out to; nothing was written. */
export type TargetRefusal =
  | { kind: 'targetMissing' }
  | { kind: 'targetShape'; fault: ShapeFault }
  | { kind: 'meshUnavailable'; failure: MeshFailure };

export type CreateAnswer =
  | { kind: 'created'; rollout: Rollout; now: Millis }
  | { kind: 'taken'; by: string }
  | { kind: 'answeredBefore' }
  | TargetRefusal;

export type PreviewStep = {
  step: number;
  type: string;
  share: number;
  startsInSeconds: number;
  changes: WeightChange[];
};
export type Preview =
  | { kind: 'preview'; rollout: Rollout; steps: PreviewStep[]; seconds: number }
  | TargetRefusal
  | { kind: 'taken'; by: string };

export type ActAnswer =
  | { kind: 'accepted'; rollout: Rollout; now: Millis }
  | { kind: 'refused'; refusal: Refusal; rollout: Rollout; now: Millis }
  | { kind: 'unknown' }
  | { kind: 'answeredBefore' };

/** Renders the answer that a repeated Idempotency-Key gets, inside the transaction that it belongs to. */
export type Remember = (rollout: Rollout, now: Millis) => Remembered;

/** What faces may ask of canaryd. */
export interface RolloutService {
  create(request: CreateRequest, actor: Actor, remember: Remember | null): Promise<CreateAnswer>;
  preview(request: CreateRequest, actor: Actor): Promise<Preview>;
  act(id: string, command: Command, actor: Actor, remember: Remember | null): Promise<ActAnswer>;
  /** `nextAt` is when the next turn is due; `now` is PostgreSQL's clock. */
  find(id: string): Promise<{ rollout: Rollout; nextAt: Millis | null; now: Millis } | null>;
  list(query: RolloutQuery): Promise<{ rollouts: Rollout[]; now: Millis }>;
  events(id: string, afterSeq: number, limit: number): Promise<AuditRow[]>;
  audit(query: AuditQuery): Promise<AuditRow[]>;
  recall(
    key: Pick<Remembered, 'principal' | 'method' | 'path' | 'key'>,
  ): Promise<Pick<Remembered, 'fingerprint' | 'status' | 'body'> | null>;
}
