import type { Stack } from '../../local/stack.ts';
import { faults, healthy, service } from '../scenarios.ts';
import { accessPolicy, letCallersReach } from './access-policy.ts';
import type { Fault } from './memory.ts';

/** The world around canaryd, as far as keys change it. */
export type World = {
  break(version: string, fault: Fault): void;
  /** Mends one thing, or all. */
  heal(version: string, fault?: Fault): void;
  freezePrometheus(): void;
  thawPrometheus(): void;
  /** Callers get in to this version only, by the AuthorizationPolicy; to every version when it is null. */
  letCallersReach(version: string | null): void;
};

type Change = Parameters<Stack['sandbox']['setVersion']>[2];

const mended: Record<Fault, Change> = {
  slow: { medianMs: healthy.medianMs ?? 60, p99Ms: healthy.p99Ms ?? 240 },
  failing: { errorRate: healthy.errorRate ?? 0 },
  dead: { readyPods: healthy.readyPods ?? 2 },
};

/** The simulated mesh and the real Prometheus of a running stack. */
export function worldOf({ sandbox, prometheus }: Pick<Stack, 'sandbox' | 'prometheus'>): World {
  const change = (version: string, to: Change) => sandbox.setVersion(service, version, to);
  return {
    break: (version, fault) => change(version, faults[fault]),
    heal: (version, fault) => change(version, fault === undefined ? healthy : mended[fault]),
    freezePrometheus: prometheus.freeze,
    thawPrometheus: prometheus.thaw,
    letCallersReach: (version) => letCallersReach(sandbox, version),
  };
}

/** What is wrong with a version, without its name and the full stop. */
export const brokenWords: Record<Fault, string> = {
  slow: 'one answer in a hundred takes over 3 s',
  failing: '12 % of its answers are 5xx',
  dead: 'none of its pods is ready',
};

export const healedWords: Record<Fault, string> = {
  slow: 'it answers as fast as before',
  failing: 'it answers without errors',
  dead: 'its pods are ready again',
};

/** What a broken policy does, without the full stop. */
export function policyWords(stable: string): string {
  return `AuthorizationPolicy ${accessPolicy} selects ${stable} only`;
}
