import type { PlanLibrary, PlanVersion } from '../../src/rollout/ports/plans.ts';
import type { Millis } from '../../src/rollout/units.ts';

/** Plans in memory; nobody can change what was written by keeping a reference. */
export function memoryPlans(now: () => Millis): PlanLibrary {
  const kept: PlanVersion[] = [];
  const newestFirst = (name: string) =>
    kept.filter((one) => one.name === name).sort((left, right) => right.version - left.version);
  return {
    find: async (name, version) => {
      const found = newestFirst(name).find((one) => version === undefined || one.version === version);
      return structuredClone(found ?? null);
    },
    versions: async (name, { before = Number.POSITIVE_INFINITY, limit }) =>
      structuredClone(newestFirst(name).filter(({ version }) => version < before)).slice(0, limit),
    list: async ({ after = '', limit }) => {
      const names = [...new Set(kept.map(({ name }) => name))].filter((name) => name > after).sort();
      return structuredClone(names.flatMap((name) => newestFirst(name).slice(0, 1)).slice(0, limit));
    },
    add: async (draft) => {
      if (kept.some(({ name, version }) => name === draft.name && version === draft.version)) return null;
      const version = structuredClone({ ...draft, createdAt: now() });
      kept.push(version);
      return structuredClone(version);
    },
  };
}
