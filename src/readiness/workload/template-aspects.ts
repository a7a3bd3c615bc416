import { canonical } from '../arms.ts';
import type { Container, PodSpec } from '../objects.ts';
import { isSameQuantity } from '../quantity.ts';

/** Where two pod templates differ, and both values as text. */
export type Difference = { what: string; path: string; stable: string; canary: string };

/**
 * What decides how fast a pod answers, and is not the new version itself: images, labels and other environment are
 * left out, and so are the labels by which a spread finds its own pods.
 */
export function differencesOf(stable: PodSpec, canary: PodSpec): Difference[] {
  const names = [...new Set([...stable.containers, ...canary.containers].map(({ name }) => name))];
  const inContainers = names
    .filter((name) => name !== 'istio-proxy')
    .flatMap((name) => containerDifferences(name, stable.containers, canary.containers));
  return [...inContainers, ...placeDifferences(stable, canary)];
}

function containerDifferences(
  name: string,
  stables: readonly Container[],
  canaries: readonly Container[],
): Difference[] {
  const [one, index] = [stables.find((it) => it.name === name), canaries.findIndex((it) => it.name === name)];
  const other = canaries[index];
  if (one === undefined || other === undefined) {
    const words = (it: Container | undefined) => (it === undefined ? 'none' : 'there');
    return [{ what: `container ${name}`, path: containersPath, stable: words(one), canary: words(other) }];
  }
  const path = `${containersPath}[${index}]`;
  return [
    ...quantityDifferences(one, other, { what: `${name}:`, path: `${path}.resources` }),
    ...probes.flatMap((probe) =>
      unlike(`${name}: ${probe}`, `${path}.${probe}`, canonical(one[probe]), canonical(other[probe])),
    ),
    ...unlike(`${name}: JVM flags`, `${path}.env`, jvmFlags(one), jvmFlags(other)),
  ];
}

const containersPath = 'spec.template.spec.containers';
const probes = ['readinessProbe', 'livenessProbe', 'startupProbe'] as const;

function quantityDifferences(
  one: Container,
  other: Container,
  { what, path }: { what: string; path: string },
): Difference[] {
  return (['requests', 'limits'] as const).flatMap((kind) => {
    const [mine, theirs] = [other.resources?.[kind] ?? {}, one.resources?.[kind] ?? {}];
    const names = [...new Set([...Object.keys(mine), ...Object.keys(theirs)])].toSorted();
    return names
      .filter((name) => !isSameQuantity(mine[name], theirs[name]))
      .map((name) => ({
        what: `${what} ${kind} of ${name}`,
        path: `${path}.${kind}`,
        stable: `${theirs[name] ?? 'none'}`,
        canary: `${mine[name] ?? 'none'}`,
      }));
  });
}

const jvmVariables = new Set([
  'JAVA_TOOL_OPTIONS',
  'JDK_JAVA_OPTIONS',
  '_JAVA_OPTIONS',
  'JAVA_OPTS',
  'JAVA_OPTIONS',
  'JVM_OPTS',
  'CATALINA_OPTS',
]);

/** Flags such as `-Xmx`, of the variables that JVMs and their launchers read and of the command; in any order. */
function jvmFlags({ env, command, args }: Container): string {
  const variables = (env ?? []).filter(({ name }) => jvmVariables.has(name));
  const words = [...variables.map(({ value }) => value ?? ''), ...(command ?? []), ...(args ?? [])];
  const flags = words.flatMap((text) => text.split(/\s+/)).filter((word) => word.startsWith('-X'));
  return flags.toSorted().join(' ') || 'none';
}

function placeDifferences(stable: PodSpec, canary: PodSpec): Difference[] {
  const nodes = 'spec.template.spec.nodeSelector';
  const affinity = 'spec.template.spec.affinity.nodeAffinity';
  return [
    ...unlike('node pool', nodes, canonical(stable.nodeSelector), canonical(canary.nodeSelector)),
    ...unlike(
      'node affinity',
      affinity,
      canonical(stable.affinity?.nodeAffinity),
      canonical(canary.affinity?.nodeAffinity),
    ),
    ...unlike('zone spread', 'spec.template.spec.topologySpreadConstraints', spread(stable), spread(canary)),
  ];
}

function spread({ topologySpreadConstraints }: PodSpec): string {
  const words = (topologySpreadConstraints ?? []).map(
    ({ topologyKey, maxSkew, whenUnsatisfiable }) =>
      `${topologyKey ?? 'no key'} by ${maxSkew ?? 1} (${whenUnsatisfiable ?? 'DoNotSchedule'})`,
  );
  return words.toSorted().join(', ') || 'none';
}

function unlike(what: string, path: string, stable: string, canary: string): Difference[] {
  if (stable === canary) return [];
  const words = (text: string) => (text === 'null' ? 'none' : text);
  return [{ what, path, stable: words(stable), canary: words(canary) }];
}
