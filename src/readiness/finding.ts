import type { FactName } from './snapshot.ts';

/** `error` keeps a rollout from starting unless its plan says otherwise; `info` is for reading. */
export type Severity = 'error' | 'warn' | 'info';

/** What a bank asks for first: P0 before anything is released, P1 before it is relied on, P2 when there is time. */
export type Priority = 'P0' | 'P1' | 'P2';

/** An object of the cluster, for people and for `kubectl`. */
export type ObjectRef = { kind: string; namespace: string | null; name: string };

/** What a check says before its name is on it. */
export type Judgement =
  /** All is as it should be; `read` says what was seen, so that it can be believed. */
  | { result: 'pass'; read: string }
  /** The check does not apply, such as one for gateways where there is none. */
  | { result: 'skip'; read: string }
  /** Nobody knows. Never a pass. */
  | { result: 'unknown'; read: string; mend: string }
  | Failure;

export type Failure = {
  result: 'fail';
  severity: Severity;
  /** What was read: the value, with its unit and the limit. */
  read: string;
  /** What it means for this rollout. */
  means: string;
  /** How to mend it, with a command where there is one. */
  mend: string;
  /** The object that is at fault, if one is. */
  object?: ObjectRef;
  /** The field in it, such as `spec.selector.matchLabels`. */
  path?: string;
  /**
   * The facts of which a missing part could undo it, where its check may fail for want of something: all that the check
   * needs unless it says so, and none for what stands on what was seen.
   */
  undoneBy?: readonly FactName[];
};

/** What a check is called, and what else is known of it whatever it finds. */
export type CheckFacts = {
  /** Such as `PF-AZ-02`. */
  id: string;
  /** What is asked, as a statement that holds when the check passes. */
  title: string;
  family: Family;
  priority: Priority;
  /** What Kiali and istioctl call the same thing, such as `KIA0203` and `IST0173`. */
  codes: readonly string[];
  /** True when it is asked again before each raise of the canary's share. */
  again: boolean;
  /** The most that one of its findings can weigh. */
  severity: Severity;
};

type Family =
  | 'virtual-service'
  | 'ownership'
  | 'destination-rule'
  | 'mutual-tls'
  | 'authorization'
  | 'egress'
  | 'injection'
  | 'workload'
  | 'certificates'
  | 'prometheus'
  | 'alerts';

/** What one check found. A check that fails twice has two findings. */
export type Finding = CheckFacts & (Exclude<Judgement, Failure> | Omit<Failure, 'undoneBy'>);
