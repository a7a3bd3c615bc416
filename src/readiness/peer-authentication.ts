import type { ObjectRef } from './finding.ts';
import { refTo } from './judgement.ts';
import type { Labels, PeerAuthentication } from './objects.ts';
import { hasLabels } from './select.ts';

/** What the proxy of a workload accepts: only mutual TLS, both, or only plaintext. */
type MutualTlsMode = 'STRICT' | 'PERMISSIVE' | 'DISABLE';

/** The mode, where it was said, and by what; nothing says it where Istio's default holds. */
export type Decision = {
  mode: MutualTlsMode;
  level: 'port' | 'workload' | 'namespace' | 'mesh' | 'default';
  decidedBy: ObjectRef | null;
};

/** The mode of a workload, and that of each of its ports that was asked for. */
export type EffectiveMode = Decision & { ports: (Decision & { port: number })[] };

/** A workload as policies see it; `ports` are those that its pods listen on, not those of the Service. */
export type PolicedWorkload = { labels: Readonly<Labels>; namespace: string; ports: readonly number[] };

/**
 * The mode that holds for a workload and for each of its ports: what its port says goes before the policy that
 * selects it, that before its namespace's, that before the root namespace's, and PERMISSIVE is left when none says
 * one. UNSET, or a mode that is absent, inherits. Of two policies of the same reach only the older one counts, of
 * two that are equally old the one whose name comes first. A selector in the root namespace selects nothing, and
 * ports count only in a policy that has a selector.
 * Source: https://istio.io/latest/docs/reference/config/security/peer_authentication/ and ComposePeerAuthentication
 * of istiod.
 */
export function effectiveMode(
  { labels, namespace, ports }: PolicedWorkload,
  peerAuthentications: readonly PeerAuthentication[],
  rootNamespace: string,
): EffectiveMode {
  const local = namespace === rootNamespace ? [] : inNamespace(peerAuthentications, namespace);
  const ofMesh = oldest(inNamespace(peerAuthentications, rootNamespace).filter((one) => !hasSelector(one)));
  const ofNamespace = oldest(local.filter((one) => !hasSelector(one)));
  const ofWorkload = oldest(
    local.filter((one) => hasSelector(one) && hasLabels(labels, one.spec?.selector?.matchLabels)),
  );
  const whole =
    saidBy(ofWorkload, 'workload') ??
    saidBy(ofNamespace, 'namespace') ??
    saidBy(ofMesh, 'mesh') ??
    ({ mode: 'PERMISSIVE', level: 'default', decidedBy: null } as const);
  return { ...whole, ports: ports.map((port) => ({ port, ...(portSays(ofWorkload, port) ?? whole) })) };
}

/** `STRICT by PeerAuthentication istio-system/default`, for people. */
export function decisionWords({ mode, decidedBy }: Decision): string {
  if (decidedBy === null)
    return `${mode}, which is Istio's default when no PeerAuthentication says otherwise`;
  return `${mode} by PeerAuthentication ${decidedBy.namespace}/${decidedBy.name}`;
}

function inNamespace(policies: readonly PeerAuthentication[], namespace: string): PeerAuthentication[] {
  return policies.filter(({ metadata }) => metadata.namespace === namespace);
}

function hasSelector({ spec }: PeerAuthentication): boolean {
  return Object.keys(spec?.selector?.matchLabels ?? {}).length > 0;
}

function oldest(policies: readonly PeerAuthentication[]): PeerAuthentication | undefined {
  return policies.toSorted((one, other) => (ageKey(one) < ageKey(other) ? -1 : 1))[0];
}

/** RFC 3339 in UTC, as API servers write it, sorts as text. */
function ageKey({ metadata }: PeerAuthentication): string {
  return `${metadata.creationTimestamp ?? ''} ${metadata.name}`;
}

function saidBy(
  policy: PeerAuthentication | undefined,
  level: 'workload' | 'namespace' | 'mesh',
): Decision | null {
  const mode = modeOf(policy?.spec?.mtls?.mode);
  if (policy === undefined || mode === null) return null;
  return { mode, level, decidedBy: refTo('PeerAuthentication', policy.metadata) };
}

function portSays(policy: PeerAuthentication | undefined, port: number): Decision | null {
  const mode = modeOf(policy?.spec?.portLevelMtls?.[String(port)]?.mode);
  if (policy === undefined || mode === null) return null;
  return { mode, level: 'port', decidedBy: refTo('PeerAuthentication', policy.metadata) };
}

/** A mode that istiod does not know makes no TLS context, and so leaves plaintext. */
function modeOf(mode: string | null | undefined): MutualTlsMode | null {
  if (mode === null || mode === undefined || mode === '' || mode === 'UNSET') return null;
  return mode === 'STRICT' || mode === 'PERMISSIVE' ? mode : 'DISABLE';
}
