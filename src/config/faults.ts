import type { z } from 'zod';
import { knownAt, nearest, valueAt } from '../known-names.ts';
import { type Fault, providers, secretKeys } from './rules.ts';
import { type Path, Settings } from './settings.ts';

/** What the schema has against the tree, as verb phrases. No value is quoted: it may be a secret. */
export function schemaFaults(tree: unknown, issues: readonly z.core.$ZodIssue[]): Fault[] {
  return issues.flatMap((issue) => {
    const path = issue.path.map((key) => (typeof key === 'number' ? key : String(key)));
    if (issue.code === 'unrecognized_keys') return unknownKeys(tree, path, issue.keys);
    if (issue.code === 'invalid_key') {
      return [
        { path: path.slice(0, -1), says: `is not valid: ${issue.issues[0]?.message ?? issue.message}` },
      ];
    }
    const says = valueAt(tree, path) === undefined ? 'is missing' : 'is not valid';
    return [{ path, says: `${says}: ${issue.message}` }];
  });
}

function unknownKeys(tree: unknown, path: Path, keys: readonly string[]): Fault[] {
  const known = knownAt(Settings, path, tree).properties;
  const isProvider = providers.some((name) => name === path.at(-1));
  return keys
    .filter((key) => !(isProvider && Object.hasOwn(secretKeys, key)))
    .map((key) => {
      const meant = nearest(key, known);
      const mend = meant === null ? `the keys here are ${known.join(', ')}` : `did you mean ${meant}?`;
      return { path: [...path, key], says: `is no setting: ${mend}` };
    });
}
