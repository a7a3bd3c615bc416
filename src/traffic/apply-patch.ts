import type { PatchOperation } from './patch-operation.ts';
import { isRecord } from './same-json.ts';

/**
 * The object after a JSON Patch by the letter of RFC 6902; the one that is given stays as it is.
 * @throws Error when a path leads nowhere: the patch was made for another object
 */
export function applyPatch(object: unknown, patch: readonly PatchOperation[]): unknown {
  return applied(object, patch).object;
}

/** The same, with what each operation found in its place; undefined for nothing. */
export function applied(
  object: unknown,
  patch: readonly PatchOperation[],
): { object: unknown; found: unknown[] } {
  const root = { object: structuredClone(object) };
  // A later operation may write into what an earlier one added.
  const found = structuredClone(patch).map((operation) => {
    const keys = ['object', ...operation.path.split('/').slice(1).map(unescaped)];
    const last = keys.pop() ?? '';
    const parent = keys.reduce<unknown>(childOf, root);
    const before = operation.op === 'add' ? undefined : childOf(parent, last);
    if (Array.isArray(parent)) applyToList(parent, last, operation);
    else if (isRecord(parent)) applyToRecord(parent, last, operation);
    else throw nowhere(operation);
    return before;
  });
  return { object: root.object, found };
}

function unescaped(key: string): string {
  return key.replaceAll('~1', '/').replaceAll('~0', '~');
}

function childOf(node: unknown, key: string): unknown {
  if (Array.isArray(node)) return node[Number(key)];
  return isRecord(node) && Object.hasOwn(node, key) ? node[key] : undefined;
}

function applyToList(list: unknown[], key: string, operation: PatchOperation): void {
  const index = key === '-' ? list.length : Number(key);
  const most = operation.op === 'add' ? list.length : list.length - 1;
  if (!Number.isInteger(index) || index < 0 || index > most) throw nowhere(operation);
  if (operation.op === 'remove') list.splice(index, 1);
  else list.splice(index, operation.op === 'add' ? 0 : 1, operation.value);
}

function applyToRecord(record: Record<string, unknown>, key: string, operation: PatchOperation): void {
  if (operation.op !== 'add' && !Object.hasOwn(record, key)) throw nowhere(operation);
  if (operation.op === 'remove') delete record[key];
  else record[key] = operation.value;
}

function nowhere({ op, path }: PatchOperation): Error {
  return new Error(`the patch cannot ${op} ${path}: there is no such place`);
}
