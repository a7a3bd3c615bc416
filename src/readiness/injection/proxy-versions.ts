import { defineCheck } from '../check.ts';
import { proxyOf } from '../data-plane.ts';
import type { Failure, Judgement } from '../finding.ts';
import { bounded, info, pass, refTo, skip, unknown, warn } from '../judgement.ts';
import type { Pod } from '../objects.ts';
import { remake } from '../remake.ts';
import { nameOf, podsOf } from '../select.ts';
import type { Subject } from '../snapshot.ts';

export const proxyVersionsFit = defineCheck({
  id: 'PF-SC-03',
  title: 'both versions run the same proxy, and istiod supports it',
  family: 'injection',
  priority: 'P2',
  codes: ['IST0158'],
  again: false,
  severity: 'warn',
  needs: ['pods', 'proxyVersions'],
  judge: ({ pods, proxyVersions }, subject) => judge(pods, proxyVersions.istiod, subject),
});

/** One pod and the version of its proxy; null where its image has no tag to tell it by. */
type Proxy = { pod: Pod; arm: 'stable' | 'canary'; image: string; version: Version | null };
type Version = { text: string; major: number; minor: number };

function judge(pods: readonly Pod[], told: string | null, { stable, canary }: Subject): Judgement[] {
  const proxies = [
    ...podsOf(stable, pods).flatMap((pod) => proxiesOf(pod, 'stable')),
    ...podsOf(canary, pods).flatMap((pod) => proxiesOf(pod, 'canary')),
  ];
  if (proxies.every(({ arm }) => arm === 'stable')) {
    return [skip(`no pod of ${canary.version} has a proxy of its own: PF-SC-01 says whether it must`)];
  }
  const istiod = told === null ? null : versionIn(told);
  const skewed = istiod === null ? [] : proxies.flatMap((proxy) => skew(proxy, istiod));
  const unlike = difference(proxies, istiod !== null && skewed.length === 0);
  const found = [...bounded(skewed), ...unlike];
  const gaps = blind(proxies, istiod, told);
  if (found.length > 0 || gaps.length > 0) return [...found, ...gaps];
  return [pass(`${proxies.length} proxies run ${versions(proxies).join(' and ')}, istiod ${istiod?.text}`)];
}

function proxiesOf(pod: Pod, arm: 'stable' | 'canary'): Proxy[] {
  const container = proxyOf(pod);
  if (container === null) return [];
  const image = container.image ?? '';
  return [{ pod, arm, image, version: versionIn(tagOf(image)) }];
}

/** What stands behind the last colon, without a digest and without the port of a registry. */
function tagOf(image: string): string {
  const last = image.split('@')[0]?.split('/').at(-1) ?? '';
  return last.includes(':') ? (last.split(':').at(-1) ?? '') : '';
}

/** Vendors and image types add to it: `1.26.1-distroless`, `1.26.1-asm.4`. */
function versionIn(text: string): Version | null {
  const parts = /^v?(\d+)\.(\d+)(?:\.\d+)?/.exec(text);
  return parts === null ? null : { text: parts[0], major: Number(parts[1]), minor: Number(parts[2]) };
}

/**
 * istiod may be one minor version ahead of a proxy, and no proxy ahead of it.
 * Source: https://istio.io/latest/docs/releases/supported-releases/#control-planedata-plane-skew
 */
function skew({ pod, version }: Proxy, istiod: Version): Failure[] {
  if (version === null) return [];
  const behind = istiod.minor - version.minor;
  if (version.major === istiod.major && (behind === 0 || behind === 1)) return [];
  const name = nameOf(pod.metadata);
  return [
    warn({
      read: `the proxy of Pod ${name} runs ${version.text}, istiod ${istiod.text}: Istio supports proxies of ${istiod.major}.${istiod.minor} and ${istiod.major}.${istiod.minor - 1}`,
      means:
        'routes and policies may reach this proxy late or not at all: the share that is written need not be the share that users get',
      mend: `let the pod get the proxy of this istiod: ${remake(pod)}`,
      object: refTo('Pod', pod.metadata),
      path: 'spec.containers',
    }),
  ];
}

/** While a mesh is upgraded the versions differ for a while, within what istiod supports: people should know. */
function difference(proxies: readonly Proxy[], isSupported: boolean): Failure[] {
  const known = proxies.filter(({ version }) => version !== null);
  const [first] = known.filter(({ arm }) => arm === 'canary');
  if (first === undefined || versions(known).length < 2) return [];
  const read = `stable runs proxies of ${armVersions(known, 'stable')}, the canary of ${armVersions(known, 'canary')}`;
  const means = 'what differs in errors and latency may come from the proxies and not from the new version';
  const stable = known.find(({ arm }) => arm === 'stable');
  const mend = `make the pods of both anew before the rollout: ${[stable, first].flatMap((one) => (one === undefined ? [] : [remake(one.pod)])).join(' and ')}`;
  return [(isSupported ? info : warn)({ read, means, mend })];
}

function armVersions(proxies: readonly Proxy[], arm: 'stable' | 'canary'): string {
  return versions(proxies.filter((one) => one.arm === arm)).join(' and ') || 'no known version';
}

function versions(proxies: readonly Proxy[]): string[] {
  return [...new Set(proxies.flatMap(({ version }) => (version === null ? [] : [version.text])))].toSorted();
}

function blind(proxies: readonly Proxy[], istiod: Version | null, told: string | null): Judgement[] {
  const [unnamed] = proxies.filter(({ version }) => version === null);
  if (unnamed !== undefined) {
    const read = `the image of the proxy of Pod ${nameOf(unnamed.pod.metadata)} tells no version: ${unnamed.image || 'it has none'}`;
    return [
      unknown(read, `compare by hand: istioctl proxy-status, namespace ${unnamed.pod.metadata.namespace}`),
    ];
  }
  if (istiod !== null) return [];
  const read =
    told === null ? 'istiod does not tell its version' : `istiod tells ${told}, which is no version`;
  return [unknown(read, 'compare by hand: istioctl version')];
}
