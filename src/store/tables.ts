import type { ColumnType, Generated, GeneratedAlways } from 'kysely';

/** A JSON document: written as text, read as whatever it holds. */
type Json = ColumnType<unknown, string, string>;
/** Taken out of the document by the database itself. */
type FromDocument<T> = GeneratedAlways<T>;

/** The tables as the migrations make them; every row that is read is parsed before it is trusted. */
export interface Tables {
  rollout: {
    id: string;
    document: Json;
    cluster: FromDocument<string>;
    namespace: FromDocument<string>;
    virtual_service: FromDocument<string>;
    route: FromDocument<string>;
    status: string;
    epoch: Generated<number>;
    lease_owner: string | null;
    lease_until: Date | null;
    next_at: Date | null;
    ended_at: Date | null;
    last_seq: Generated<number>;
    failures: Generated<number>;
    last_failure: string | null;
    quarantined_at: Date | null;
  };
  /** The VirtualServices that a rollout moves; kept by triggers on `rollout`. */
  rollout_object: {
    rollout_id: string;
    cluster: string;
    namespace: string;
    virtual_service: string;
    is_held: boolean;
  };
  audit: {
    number: Generated<number>;
    /** Null in rows about something else than a rollout. */
    rollout_id: string | null;
    /** What the row is about; taken from `rollout_id` by the database when it is left out. */
    subject: Generated<string>;
    seq: number;
    at: Date;
    type: string;
    actor_kind: string;
    actor_name: string;
    message: string;
    facts: string;
  };
  plan: {
    name: string;
    version: number;
    document: Json;
    digest: string;
    created_at: Generated<Date>;
    actor_kind: string;
    actor_name: string;
  };
  hold: {
    id: string;
    cluster: string | null;
    namespace: string | null;
    reason: string | null;
    by_kind: string;
    by_name: string;
    created_at: Generated<Date>;
    lifted_at: Date | null;
    lifted_by_kind: string | null;
    lifted_by_name: string | null;
  };
  alert: {
    cluster: string;
    fingerprint: string;
    starts_at: Date;
    labels: Json;
    ends_at: Date | null;
    by_kind: string;
    by_name: string;
    received_at: Generated<Date>;
    seen_at: Generated<Date>;
  };
  measurement: { rollout_id: string; at: Date; payload: Json };
  idempotency: {
    principal: string;
    method: string;
    path: string;
    key: string;
    fingerprint: string;
    status: number;
    body: string;
    rollout_id: string | null;
    created_at: Generated<Date>;
  };
}
