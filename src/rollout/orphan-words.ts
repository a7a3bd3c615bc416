import type { AuditEvent } from './audit.ts';
import { event } from './decision.ts';
import { type Orphan, sharesOf, splitRoutes } from './orphans.ts';
import type { MarkedArm, MarkedSplit, SplitPlace } from './ports/orphans.ts';
import * as say from './say.ts';

/** The four things about a split that nobody watches, as whole sentences. */
export type OrphanExplanation = { what: string; traffic: string; next: string; type: string };

/** What a person needs who is told of an orphan split. */
export function explainOrphan(orphan: Orphan): OrphanExplanation {
  return {
    what: say.sentence(`${placeOf(orphan.split)} ${whatOf(orphan)}`),
    traffic: say.sentence(trafficOf(orphan)),
    next: 'canaryd does nothing: it never writes to a split that is not its own. It looks every 60 s, and says this once an hour until it is over.',
    type: whatToType(orphan),
  };
}

/** The page about an orphan split, as the audit log keeps it. */
export function orphanPage(orphan: Orphan): AuditEvent {
  const { split, reason, moved } = orphan;
  const { cluster, namespace, virtualService, owner } = split;
  const explanation = explainOrphan(orphan);
  const { what, traffic, next, type } = explanation;
  return event('page', [what, traffic, next, type].join(' '), {
    reason: 'orphan_split',
    because: reason,
    cluster,
    namespace,
    virtualService,
    rollout: owner === null ? null : clipped(owner.rolloutId),
    epoch: owner?.epoch ?? null,
    ...(split.managed.length === 0 ? {} : { managedRoutes: split.managed.map(({ name }) => name) }),
    share: moved === null ? null : sharesOf(split, moved).canary,
    explanation,
  });
}

function placeOf({ cluster, namespace, virtualService }: SplitPlace): string {
  return `VirtualService ${namespace}/${virtualService} in the cluster ${cluster}`;
}

function whatOf({ split, reason, known }: Orphan): string {
  const { owner } = split;
  const named = owner === null ? 'nobody' : `${clipped(owner.rolloutId)} (epoch ${owner.epoch})`;
  switch (reason) {
    case 'unmarked':
      return `bears no annotation of canaryd and no live rollout moves it, but ${managedIn(split)} ${split.managed.length === 1 ? 'stands' : 'stand'} there: no check watches where that leads`;
    case 'unknown':
      return `bears the annotation of rollout ${named}, which the database of this canaryd does not know: no check watches the canary, and nothing rolls it back`;
    case 'ended':
      return `was last moved by rollout ${named}, which has ended as ${known?.status ?? 'unknown'}, and ${split.managed.length === 0 ? 'its canary has traffic' : 'its canary may have traffic'} all the same: no check watches it`;
    case 'elsewhere':
      return `bears the annotation of rollout ${named}, which moves ${known === null ? 'another object' : placeOf(known)}: nothing watches this one`;
  }
}

function trafficOf(orphan: Orphan): string {
  const { managed } = orphan.split;
  if (managed.length === 0) return weightsOf(orphan);
  return `${weightsOf(orphan)}; whatever the weights, ${managedIn(orphan.split)} may send requests to the canary`;
}

/** `canaryd-header (spec.http[0])`. */
function managedIn({ managed }: MarkedSplit): string {
  return managed.map(({ name, path }) => `${name} (${path})`).join(' and ');
}

function weightsOf({ split, moved }: Orphan): string {
  if (moved !== null) {
    const { stable, canary } = sharesOf(split, moved);
    const [stableName, canaryName] = namesOf(moved.stable, moved.canary);
    return `${say.share(canary)} of traffic on ${canaryName} (canary), ${say.share(stable)} on ${stableName} (stable)`;
  }
  const spread = splitRoutes(split);
  if (spread.length === 0) return 'no route of it sends traffic to more than one destination';
  return spread.map(sharesIn).join('; ');
}

function sharesIn({ name, path, destinations }: MarkedSplit['routes'][number]): string {
  const shares = destinations.map((one) => `${one.subset ?? one.host} ${say.share(one.share)}`);
  return `route ${name === '' ? path : name}: ${shares.join(', ')}`;
}

/** Destinations of one host are told apart by their subsets, others by their hosts. */
function namesOf(stable: MarkedArm, canary: MarkedArm): [string, string] {
  const isOneHost = stable.host === canary.host;
  const nameOf = ({ host, subset }: MarkedArm) => (isOneHost && subset !== null ? subset : host);
  return [nameOf(stable), nameOf(canary)];
}

function whatToType({ split, moved }: Orphan): string {
  const { cluster, managed, noted } = split;
  const isFollowed = noted !== null && noted !== 'unreadable';
  const hasWeights = moved === null ? splitRoutes(split).length > 0 : sharesOf(split, moved).canary > 0;
  const away =
    managed.length === 0
      ? []
      : [`take ${managedIn(split)} away with the patch that this prints: ${breakGlassFor(split)}`];
  const back = isFollowed
    ? [`take the canary's traffic back: ${breakGlassFor(split)}`]
    : [...(hasWeights || managed.length === 0 ? [byHand(split)] : []), ...away];
  return `With credentials for the cluster ${cluster}, ${back.join('; then ')}. More: docs/runbooks/orphan-split.md.`;
}

/** It follows what canaryd noted in the object; without that only a person can tell where traffic belongs. */
function breakGlassFor({ namespace, virtualService }: SplitPlace): string {
  return `canaryd break-glass rollback --virtual-service ${namespace}/${virtualService}`;
}

function byHand({ namespace, virtualService }: SplitPlace): string {
  return `give one destination all of the traffic: kubectl edit virtualservice ${virtualService} -n ${namespace}`;
}

/** An annotation is anybody's text. */
function clipped(text: string): string {
  return text.replaceAll(/\p{Cc}+/gu, ' ').slice(0, 60);
}
