import {
  type Comparison,
  compare,
  labelWords,
  reachOf,
  reachWords,
  type Side,
  type Sides,
  sidesOf,
  withoutPods,
} from '../arms.ts';
import { defineCheck } from '../check.ts';
import type { Failure, Judgement } from '../finding.ts';
import { bounded, error, orPass, refTo, skip, unknown, warn } from '../judgement.ts';
import { nameOf } from '../select.ts';
import { selectBoth } from '../selector-mend.ts';
import { type Pin, pinsOf } from './pin.ts';

type Group = { first: Pin; pins: Pin[] };

/**
 * What selects its workloads by labels does so for both versions. Rules that differ in nothing but their labels count as
 * one, so that one a version is no fault.
 * Source: https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPMatchRequest
 */
export const pins = defineCheck({
  id: 'PF-EG-02',
  title: 'No rule of the mesh holds for the pods of one version only',
  family: 'egress',
  priority: 'P0',
  codes: [],
  again: false,
  severity: 'error',
  needs: ['virtualServices', 'destinationRules', 'sidecars', 'selectors', 'pods', 'meshConfig'],
  judge: ({ pods, meshConfig, ...objects }, subject) => {
    const sides = sidesOf(subject, pods);
    if (sides === null) return [skip(withoutPods(subject))];
    const all = pinsOf(objects, meshConfig.rootNamespace);
    const judged = groupsOf(all).flatMap((group) => judge(group, sides));
    const failures = judged.flatMap((one) => (one.result === 'fail' ? [one] : []));
    const unsure = judged.filter(({ result }) => result === 'unknown');
    const objectsSeen = new Set(all.map(({ kind, metadata }) => `${kind} ${nameOf(metadata)}`)).size;
    const words = `${sides.stable.version} and ${sides.canary.version}`;
    return orPass(
      [...bounded(failures), ...unsure],
      `${objectsSeen} objects select by labels, and none tells ${words} apart`,
    );
  },
});

function groupsOf(all: readonly Pin[]): Group[] {
  const groups = new Map<string, Group>();
  for (const pin of all) {
    const group = groups.get(pin.does) ?? { first: pin, pins: [] };
    groups.set(pin.does, { ...group, pins: [...group.pins, pin] });
  }
  return [...groups.values()];
}

function judge({ pins: all }: Group, sides: Sides): Judgement[] {
  const selectors = (pin: Pin, side: Side) => pin.selectorsFor(side);
  const reachBy = (some: readonly Pin[], side: Side) =>
    reachOf(
      side,
      some.flatMap((pin) => selectors(pin, side)),
    );
  const reach = { stable: reachBy(all, sides.stable), canary: reachBy(all, sides.canary) };
  const comparison = compare(sides, reach);
  const reaching = all.find((pin) =>
    [sides.stable, sides.canary].some((side) => reachBy([pin], side) !== 'none'),
  );
  if (comparison.kind === 'alike' || reaching === undefined) return [];
  const read = `${reaching.kind} ${nameOf(reaching.metadata)} (${reaching.path.join('.')}) holds for ${labelWords(reaching.labels)}: ${reachWords(sides, reach)}`;
  if (comparison.kind === 'unsure') {
    return [
      unknown(
        `${read}; a version without pods does not show all its labels`,
        'start one pod of each version and ask again',
      ),
    ];
  }
  return [failureOf(reaching, comparison, sides, read)];
}

function failureOf(pin: Pin, comparison: Comparison, sides: Sides, read: string): Failure {
  const failure = {
    read,
    mend: `${mendOf(pin, sides)}; if it is meant for one version, waive PF-EG-02 with the reason`,
    object: refTo(pin.kind, pin.metadata),
    path: pin.path.join('.'),
  };
  if (comparison.kind !== 'leftOut')
    return warn({ ...failure, means: 'whether it holds depends on the pod, in both versions' });
  const { selected, left } = comparison;
  return error({ ...failure, means: meaningOf(pin, selected.version, left.version) });
}

function meaningOf({ kind, hosts }: Pin, selected: string, left: string): string {
  const metricsDiffer = 'the comparison of the two versions is not one of like with like';
  switch (kind) {
    case 'VirtualService':
      return `calls to ${hosts.join(', ')} take this route from ${selected} and another from ${left}: past the egress gateway, or nowhere, as soon as ${left} has the traffic`;
    case 'Sidecar':
      return `${selected} and ${left} know other hosts and may leave the mesh by other rules: calls that work from one can fail from the other`;
    case 'DestinationRule':
      return `${selected} and ${left} call ${hosts.join(', ')} with other settings of TLS, pools or outliers: calls that work from one can fail from the other`;
    case 'RequestAuthentication':
      return `${selected} checks the tokens of requests and ${left} does not: what one refuses with 401 the other lets in`;
    case 'Telemetry':
      return `${selected} and ${left} are measured or logged by other rules: ${metricsDiffer}`;
    case 'EnvoyFilter':
    case 'WasmPlugin':
      return `the proxies of ${selected} run it and those of ${left} do not: requests are treated otherwise, and ${metricsDiffer}`;
  }
}

function mendOf(pin: Pin, sides: Sides): string {
  const { metadata, path, labels } = pin;
  if (pin.isPatchable) return selectBoth({ resource: pin.kind.toLowerCase(), metadata, path, labels }, sides);
  return `let it hold for both versions: kubectl -n ${metadata.namespace ?? 'default'} edit ${pin.kind.toLowerCase()} ${metadata.name}`;
}
