import type { SplitView } from './ports/mesh.ts';
import type { Rollout } from './rollout.ts';
import { lowestIn, objectName, oneByOne } from './several.ts';
import type { Target } from './target.ts';
import { isSameShare, type Share } from './units.ts';

type Traffic = Rollout['traffic'];

/** The shares at which one of several VirtualServices was last read; without a name, those of the only one. */
export function knownAt({ applied, lowest = applied, parts = {} }: Traffic, name?: string): Share[] {
  return (name === undefined ? undefined : parts[name]) ?? [applied, lowest];
}

/** With what a look shows of each of several VirtualServices; of those that it could not read, what was known. */
export function partsFound(traffic: Traffic, { objects, gaps = [] }: SplitView): Traffic {
  if (objects === undefined) return traffic;
  const unseen = gaps.map(({ name }): [string, Share[]] => [name, knownAt(traffic, name)]);
  const seen = objects.map((one): [string, Share[]] => [one.name, [one.canaryShare, lowestIn(one)]]);
  return withParts(traffic, Object.fromEntries([...unseen, ...seen]));
}

/** With the share that was read back at those of several VirtualServices that a write of it did reach. */
export function partsDone(traffic: Traffic, target: Target, done: readonly string[], share: Share): Traffic {
  if (done.length === 0 || target.also.length === 0) return traffic;
  const all = oneByOne(target).map(objectName);
  const entries = all.map((name) => [name, done.includes(name) ? [share] : knownAt(traffic, name)]);
  return withParts(traffic, Object.fromEntries(entries));
}

/** Only what differs from the share of all is worth keeping. */
function withParts({ parts: _before, ...traffic }: Traffic, parts: Record<string, Share[]>): Traffic {
  const isEven = Object.values(parts).every((shares) =>
    shares.every((share) => isSameShare(share, traffic.applied)),
  );
  return isEven ? traffic : { ...traffic, parts };
}

/** True where each of several VirtualServices is known as the look shows it. */
export function isKnownByPart(traffic: Traffic, view: SplitView): boolean {
  const found = partsFound(traffic, view);
  const names = [...Object.keys(found.parts ?? {}), ...Object.keys(traffic.parts ?? {})];
  return names.every((name) => {
    const [before, after] = [knownAt(traffic, name), knownAt(found, name)];
    return after.every((share) => before.some((known) => isSameShare(known, share)));
  });
}
