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
    status: string;
    epoch: Generated<number>;
    lease_owner: string | null;
    lease_until: Date | null;
    next_at: Date | null;
    ended_at: Date | null;
    last_seq: Generated<number>;
  };
  audit: {
    number: GeneratedAlways<number>;
    rollout_id: string;
    seq: number;
    at: Date;
    type: string;
    actor_kind: string;
    actor_name: string;
    message: string;
    facts: string;
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
