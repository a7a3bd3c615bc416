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
    rollout: clipped(owner.rolloutId),
    epoch: owner.epoch,
    share: moved === null ? null : sharesOf(split, moved).canary,
    explanation,
  });
}

function placeOf({ cluster, namespace, virtualService }: SplitPlace): string {
  return `VirtualService ${namespace}/${virtualService} in the cluster ${cluster}`;
}

function whatOf({ split, reason, known }: Orphan): string {
  const named = `${clipped(split.owner.rolloutId)} (epoch ${split.owner.epoch})`;
  switch (reason) {
    case 'unknown':
      return `bears the annotation of rollout ${named}, which the database of this canaryd does not know: no check watches the canary, and nothing rolls it back`;
    case 'ended':
      return `was last moved by rollout ${named}, which has ended as ${known?.status ?? 'unknown'}, and its canary has traffic all the same: no check watches it`;
    case 'elsewhere':
      return `bears the annotation of rollout ${named}, which moves ${known === null ? 'another object' : placeOf(known)}: nothing watches this one`;
  }
}

function trafficOf({ split, moved }: Orphan): string {
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

/** `break-glass` follows what canaryd noted in the object; without that only a person can tell where traffic belongs. */
function whatToType({ split }: Orphan): string {
  const { cluster, namespace, virtualService, noted } = split;
  const back =
    noted === null || noted === 'unreadable'
      ? `give one destination all of the traffic: kubectl edit virtualservice ${virtualService} -n ${namespace}`
      : `take the canary's traffic back: canaryd break-glass rollback --virtual-service ${namespace}/${virtualService}`;
  return `With credentials for the cluster ${cluster}, ${back}. More: docs/runbooks/orphan-split.md.`;
}

/** An annotation is anybody's text. */
function clipped(text: string): string {
  return text.replaceAll(/\p{Cc}+/gu, ' ').slice(0, 60);
}
