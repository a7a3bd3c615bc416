import { setTimeout as sleep } from 'node:timers/promises';
import type { WebhookMode } from './istiod.ts';
import { unreachable } from './istiod.ts';
import { failure, type Reply, tooManyRequests } from './status.ts';

/**
 * What may happen to one write of a routing object.
 * - `hang`: never stored, never answered. `hangAfterApply`: stored, never answered.
 * - `hold`: waits, not stored, until `releaseHeld()`; then it is processed, even if its sender has gone.
 * - `resetBeforeApply`, `resetAfterApply`: the connection is cut before or after the object is stored.
 * - the rest are answers: 401, 403, 409, 429, 500 (etcd or webhook), 504.
 */
export type PatchFault =
  | 'hang'
  | 'hangAfterApply'
  | 'hold'
  | 'resetBeforeApply'
  | 'resetAfterApply'
  | AnsweredFault;

export type AnsweredFault =
  | 'unauthorized'
  | 'forbidden'
  | 'conflict'
  | 'throttle'
  | 'serverError'
  | 'webhookDown'
  | 'webhookTimeout'
  | 'etcdTimeout';

/** Switches that a test or a demo turns while the sandbox runs. */
export type Faults = {
  /** Happens to the next PATCH only, then clears itself. */
  nextPatch: PatchFault | null;
  /** Happens to every PATCH until set back to null; `nextPatch` goes first. */
  everyPatch: PatchFault | null;
  /** Added before every answer of the API server, in milliseconds. */
  latencyMs: number;
  /** Every connection to the API server is cut, as if it were gone. */
  apiDown: boolean;
  /** The versions of Istio's routing API that are served, as by an older Istio; none is a cluster without Istio. Null is all. */
  istioVersions: readonly string[] | null;
  /** State of istiod's validating webhook. */
  webhook: WebhookMode;
  /** Whether scrapes of the pods are answered; false gives `up == 0` everywhere. */
  metricsDown: boolean;
  /** What every proxy has left of its certificate, in seconds, below 0 once that is over; null while it is renewed in time. */
  certificateSecondsLeft: number | null;
  /** Lets every held PATCH go on. */
  releaseHeld(): void;
  /** How many PATCHes are being held. */
  heldCount(): number;
};

export type FaultControl = { faults: Faults; hold(): Promise<void> };

export function createFaults(): FaultControl {
  const held: (() => void)[] = [];
  const faults: Faults = {
    nextPatch: null,
    everyPatch: null,
    latencyMs: 0,
    apiDown: false,
    istioVersions: null,
    webhook: 'up',
    metricsDown: false,
    certificateSecondsLeft: null,
    releaseHeld: () => {
      for (const release of held.splice(0)) release();
    },
    heldCount: () => held.length,
  };
  return { faults, hold: () => new Promise((resolve) => held.push(resolve)) };
}

/** The fault that the PATCH now starting meets; takes a one-time fault out of the switches. */
export function takePatchFault(faults: Faults): PatchFault | null {
  const fault = faults.nextPatch ?? faults.everyPatch;
  faults.nextPatch = null;
  return fault;
}

/** True for the path of a version of Istio's routing API that is not served just now. */
export function isUnserved({ istioVersions }: Faults, path: string): boolean {
  const [, , group, version = ''] = path.split('/');
  return istioVersions !== null && group === 'networking.istio.io' && !istioVersions.includes(version);
}

export async function addLatency(faults: Faults): Promise<void> {
  if (faults.latencyMs > 0) await sleep(faults.latencyMs, undefined, { ref: false });
}

/** The refusal an answered fault sends instead of processing the request; the texts are those of the recordings. */
export function faultReply(fault: AnsweredFault, forbidden: () => Reply, stale: () => Reply): Reply {
  const replies: Record<AnsweredFault, () => Reply> = {
    unauthorized: () => failure({ code: 401, reason: 'Unauthorized', message: 'Unauthorized' }),
    forbidden,
    conflict: stale,
    throttle: tooManyRequests,
    serverError: () => failure({ code: 500, message: 'etcdserver: leader changed' }),
    webhookDown: () => unreachable('down'),
    webhookTimeout: () => unreachable('timeout'),
    etcdTimeout: () => {
      const message =
        'Timeout: request did not complete within requested timeout - context deadline exceeded';
      return failure({ code: 504, reason: 'Timeout', message, details: {} });
    },
  };
  return replies[fault]();
}
