import { z } from 'zod';
import type { Arm, Target } from '../rollout/target.ts';
import { serviceOf } from './host.ts';
import type { VirtualService } from './virtual-service.ts';
import { annotations } from './weight-patch.ts';

const Weight = z.int().min(0);
const Place = { host: z.string().min(1), subset: z.string().min(1).nullable() };

/** What canaryd notes of a split before it moves it; stable holds something then, and the canary nothing. */
const Noted = z.looseObject({
  route: z.string(),
  stable: z.looseObject({ ...Place, weight: Weight.min(1) }),
  canary: z.looseObject({ ...Place, weight: z.literal(0).nullable() }),
});

/** The split as it stood before the rollout that moves it now, with the DNS domain in which its hosts are complete. */
export type Original = {
  kind: 'original';
  target: Pick<Target, 'route' | 'stable' | 'canary' | 'originalWeights'>;
  clusterDomain: string;
};

/** Reads the annotation with the original weights; `none` when no rollout moves the object. */
export function originalIn(
  virtualService: VirtualService,
): Original | { kind: 'none' } | { kind: 'unreadable'; why: string } {
  const text = virtualService.metadata.annotations?.[annotations.originalWeights];
  if (text === undefined) return { kind: 'none' };
  const noted = Noted.safeParse(jsonIn(text));
  if (!noted.success) return { kind: 'unreadable', why: describe(noted.error) };
  const { route, stable, canary } = noted.data;
  const clusterDomain = domainOf(stable.host);
  const armOf = ({ host, subset }: typeof stable | typeof canary): Arm => {
    const service = serviceOf(host, clusterDomain) ?? {
      name: host,
      namespace: virtualService.metadata.namespace,
    };
    return { host, subset, service, version: subset ?? service.name, podLabels: {} };
  };
  const originalWeights = { stable: stable.weight, canary: canary.weight };
  return {
    kind: 'original',
    target: { route, stable: armOf(stable), canary: armOf(canary), originalWeights },
    clusterDomain,
  };
}

/** The annotation has complete names, so the cluster's domain need not be asked of anybody. */
function domainOf(host: string): string {
  const [, domain] = /^[^.]+\.[^.]+\.svc\.(.+)$/.exec(host) ?? [];
  return domain ?? 'cluster.local';
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Told apart by the schema: no JSON document of ours is undefined.
    return undefined;
  }
}

function describe({ issues: [issue] }: z.ZodError): string {
  if (issue === undefined || issue.path.length === 0) return 'it is no JSON object';
  return `its ${issue.path.join('.')} is not understood`;
}
