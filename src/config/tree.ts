import { z } from 'zod';
import { valueAt } from '../known-names.ts';
import type { Path } from './settings.ts';

/** A mapping as people write it, before anybody knows whether it is right. */
export type Tree = { [key: string]: unknown };

const Mapping = z.record(z.string(), z.unknown());

/** The mapping at a path; empty when something else stands there. */
export function mappingAt(value: unknown, path: Path): Tree {
  return Mapping.safeParse(valueAt(value, path)).data ?? {};
}

/** The same tree with `value` at `path`; lists and mappings on the way are made where they are missing. */
export function withValue(tree: unknown, path: Path, value: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  if (typeof key === 'number') {
    const list: unknown[] = Array.isArray(tree) ? [...tree] : [];
    list[key] = withValue(list[key], rest, value);
    return list;
  }
  const mapping = mappingAt(tree, []);
  return { ...mapping, [key]: withValue(mapping[key], rest, value) };
}

/** A path as people write it: `clusters[1].prometheus.url`. */
export function pathText(path: Path): string {
  return path
    .map((key) => (typeof key === 'number' ? `[${key}]` : `.${shown(key)}`))
    .join('')
    .replace(/^\./, '');
}

/** A key that somebody wrote; what does not look like one may be a secret in the wrong place and is not shown. */
function shown(key: string): string {
  return /^[A-Za-z][\w-]{0,39}$/.test(key) ? key : '(a key)';
}
