/** What Node must not forget while the signal made of them is known. */
const parts = new WeakMap<AbortSignal, readonly AbortSignal[]>();

/**
 * A signal that aborts with the first of these. `AbortSignal.any` holds them weakly: a timeout that nobody else holds is
 * collected, and never fires (https://github.com/nodejs/node/issues/57736).
 */
export function firstOf(signals: readonly AbortSignal[]): AbortSignal {
  const first = AbortSignal.any([...signals]);
  parts.set(first, signals);
  return first;
}
