/** An operation of a JSON Patch (RFC 6902). */
export type PatchOperation =
  | { op: 'add' | 'replace'; path: string; value: unknown }
  | { op: 'remove'; path: string };

/** What makes the value at a path another one, where null is none at all; nothing when it stands there already. */
export function operationsTo(path: string, from: unknown, to: string | number | null): PatchOperation[] {
  if (from === to) return [];
  if (to === null) return [{ op: 'remove', path }];
  return [{ op: from === null ? 'add' : 'replace', path, value: to }];
}
