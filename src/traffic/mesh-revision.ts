import type { Deployment, Namespace } from '../readiness/objects.ts';
import type { Fact } from '../readiness/snapshot.ts';

/**
 * Which installations of Istio may be that of a namespace, the likeliest first. `doubt`: why it is not certain that one
 * of them is; null when it is, or when the first of them is there.
 */
export type Revision = { tries: readonly string[]; doubt: string | null };

/** The name of an installation without a revision. */
export const defaultRevision = 'default';

/**
 * The revision whose proxies the pods of a namespace get: that of its label, unless the older label holds. A label may
 * be a tag, which only a webhook's configuration resolves; where just one revision runs it can mean no other.
 * Source: https://istio.io/latest/docs/setup/upgrade/canary/ (revisions, stable revision labels)
 */
export async function revisionFor(
  name: string,
  namespace: Fact<Namespace[]>,
  istiods: () => Promise<Fact<Deployment[]>>,
): Promise<Revision> {
  if (namespace.kind === 'unread') {
    const doubt = `${namespace.why}: which revision of Istio it follows is not known`;
    return { tries: [defaultRevision], doubt };
  }
  const followed = labelledRevision(namespace.value);
  if (followed === defaultRevision) return { tries: [defaultRevision], doubt: null };
  const running = revisionsOf(await istiods());
  if (running.includes(followed)) return { tries: [followed], doubt: null };
  const [only] = running;
  if (only !== undefined && running.length === 1) return { tries: [only], doubt: null };
  const among = running.length === 0 ? '' : ` (${running.join(', ')} run)`;
  return {
    tries: [...(running.length === 0 ? [followed] : []), defaultRevision],
    doubt: `${name} follows ${followed}, and which revision of Istio that is is not known${among}`,
  };
}

function labelledRevision(namespaces: readonly Namespace[]): string {
  const labels = namespaces[0]?.metadata.labels ?? {};
  // The older label wins, and means the installation that is the default.
  if (labels['istio-injection'] !== undefined) return defaultRevision;
  return labels['istio.io/rev'] || defaultRevision;
}

/** None where one of them does not say which it is, as Istio's own installations do. */
function revisionsOf(istiods: Fact<Deployment[]>): string[] {
  if (istiods.kind === 'unread') return [];
  const all = istiods.value.map(({ metadata }) => metadata.labels?.['istio.io/rev'] ?? '');
  return all.includes('') ? [] : [...new Set(all)].toSorted();
}
