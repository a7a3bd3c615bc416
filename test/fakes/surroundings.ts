import type { Fact, FactName } from '../../src/readiness/snapshot.ts';
import { notAsked } from '../../src/readiness/snapshot.ts';
import { clusterFacts, metricsFacts, nothingRead } from '../../src/readiness/sources.ts';
import type { Surroundings } from '../../src/rollout/ports/readiness.ts';
import { healthy } from '../readiness/healthy.ts';

/** Surroundings that a test sets: those of a bank's namespace in which all is well, but for what it changes. */
export function surroundingsOf(changes: Partial<ReturnType<typeof healthy>> = {}): Surroundings {
  const facts = { ...healthy(), ...changes };
  return {
    ofCluster: ({ wanted }) =>
      Promise.resolve({ ...nothingRead(clusterFacts, notAsked), ...among(facts, wanted) }),
    ofMetrics: ({ wanted }) =>
      Promise.resolve({ ...nothingRead(metricsFacts, notAsked), ...among(facts, wanted) }),
  };
}

/** Only what is wanted of the facts. */
function among(
  facts: Record<FactName, Fact<unknown>>,
  wanted: ReadonlySet<FactName>,
): Record<string, Fact<unknown>> {
  return Object.fromEntries(
    Object.entries(facts).filter(([name]) => [...wanted].some((one) => one === name)),
  );
}

const unread = {
  kind: 'unread' as const,
  why: 'canaryd may not read it',
  mend: 'give it the Role canaryd-read',
};

/** Surroundings of which nothing may be read, so that nothing about them is known. */
export function darkSurroundings(): Surroundings {
  return {
    ofCluster: () => Promise.resolve(nothingRead(clusterFacts, unread)),
    ofMetrics: () => Promise.resolve(nothingRead(metricsFacts, unread)),
  };
}
