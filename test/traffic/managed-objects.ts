import type { ManagedRoute, RequestMatch } from '../../src/rollout/managed-route.ts';
import { applyJsonPatch } from '../../src/sandbox/json-patch.ts';
import type { Preceded } from '../../src/traffic/managed-mirrors.ts';
import { managedOperations } from '../../src/traffic/managed-routes.ts';
import type { PatchOperation } from '../../src/traffic/patch-operation.ts';
import { isMisshapen, VirtualService } from '../../src/traffic/virtual-service.ts';

/** Requests with `x-canary: "true"`, as testers send them. */
export const testers: RequestMatch = { headers: { 'x-canary': { exact: 'true' } } };

export function headerRoute(name = 'testers', ...match: RequestMatch[]): ManagedRoute {
  return { kind: 'header', name, match: match.length === 0 ? [testers] : match };
}

export function mirrorRoute(
  percentage = 100,
  name = 'mirror',
  match: RequestMatch[] | null = null,
): ManagedRoute {
  return { kind: 'mirror', name, match, percentage };
}

/** A route whose first destination is stable and whose second is the canary, with the weights as they will be. */
export function preceded(index: number, weights: (number | null)[] = [100, 0]): Preceded {
  return { index, canary: 1, weights };
}

/** The operations; throws where they are refused. */
export function operationsFor(
  object: VirtualService,
  moved: Preceded[],
  wanted: ManagedRoute[] | null,
): PatchOperation[] {
  const operations = managedOperations(object, moved, wanted);
  if (isMisshapen(operations)) throw new Error(`${operations.fault.path}: ${operations.fault.message}`);
  return operations;
}

/** The object after a patch, applied as the API server does. */
export function patched(object: VirtualService, operations: readonly unknown[]): VirtualService {
  const result = applyJsonPatch(JSON.parse(JSON.stringify(object)), JSON.stringify(operations));
  if (result.kind !== 'patched')
    throw new Error(`the patch is ${result.kind}: ${JSON.stringify(operations)}`);
  return VirtualService.parse(result.value);
}

/** The object with these managed routes. */
export function withManaged(
  object: VirtualService,
  moved: Preceded[],
  wanted: ManagedRoute[] | null,
): VirtualService {
  return patched(object, operationsFor(object, moved, wanted));
}

/** The http routes of an object. */
export function httpOf({ spec }: VirtualService): Record<string, unknown>[] {
  return Array.isArray(spec.http) ? spec.http : [];
}

export function namesIn(object: VirtualService): unknown[] {
  return httpOf(object).map(({ name }) => name);
}
