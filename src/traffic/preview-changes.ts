import type { SpecChange, WeightWrite } from '../rollout/ports/mesh.ts';
import { applied } from './apply-patch.ts';
import type { PatchOperation } from './patch-operation.ts';
import { type Moved, splitIn } from './split.ts';
import { isMisshapen, type Misshapen, VirtualService } from './virtual-service.ts';
import { weightPatch } from './weight-patch.ts';

type Planned = Pick<WeightWrite, 'share' | 'end' | 'managed'>;

/**
 * What each of these writes would change in the spec of an object, one after the other and each on top of the one
 * before: the operations of the very patches that a rollout sends, without annotations.
 */
export function previewChanges(
  virtualService: VirtualService,
  moved: Moved,
  writes: readonly Planned[],
  clusterDomain: string,
): SpecChange[][] | Misshapen {
  let object = virtualService;
  const changes: SpecChange[][] = [];
  for (const write of writes) {
    const split = splitIn(object, moved, clusterDomain);
    if (isMisshapen(split)) return split;
    const patch = weightPatch(object, split, moved, { ...write, rolloutId: '', epoch: 0 });
    if (isMisshapen(patch)) return patch;
    const after = applied(object, patch);
    changes.push(patch.flatMap((operation, index) => changeOf(operation, after.found[index])));
    object = VirtualService.parse(after.object);
  }
  return changes;
}

function changeOf(operation: PatchOperation, found: unknown): SpecChange[] {
  const { op, path } = operation;
  if (!path.startsWith('/spec/')) return [];
  return [{ op, path, from: found ?? null, value: op === 'remove' ? null : operation.value }];
}
