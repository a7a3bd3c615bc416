import type { Deployment } from '../readiness/objects.ts';
import type { Fact, ProxyVersions } from '../readiness/snapshot.ts';
import { readFact } from './merge-facts.ts';

/** The version of istiod by its image or its label; the newest where several revisions run, which is told as a gap. */
export function istiodVersion(deployments: Fact<Deployment[]>): Fact<ProxyVersions> {
  if (deployments.kind === 'unread') return deployments;
  const versions = [...new Set(deployments.value.flatMap(versionOf))].toSorted(byVersion);
  const newest = versions.at(-1) ?? null;
  const several = versions.length > 1 ? [`istiod runs in several versions: ${versions.join(', ')}`] : [];
  return readFact({ istiod: newest }, [...(deployments.gaps ?? []), ...several]);
}

function versionOf({ metadata, spec }: Deployment): string[] {
  const { containers } = spec.template.spec;
  const istiod = containers.find(({ name }) => name === 'discovery') ?? containers[0];
  const labels = { ...metadata.labels, ...spec.template.metadata?.labels };
  const found = inTag(istiod?.image ?? '') ?? inText(labels['app.kubernetes.io/version'] ?? '');
  return found === null ? [] : [found];
}

/** The tag follows the last colon of the last part: a registry's address may have one, too. */
function inTag(image: string): string | null {
  const [named = ''] = image.split('@');
  const [, tag = ''] = (named.split('/').at(-1) ?? '').split(':');
  return inText(tag);
}

function inText(text: string): string | null {
  return /^v?(\d+\.\d+\.\d+)/.exec(text)?.[1] ?? null;
}

function byVersion(one: string, other: string): number {
  return one.localeCompare(other, 'en', { numeric: true });
}
