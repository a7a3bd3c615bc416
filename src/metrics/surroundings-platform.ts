import type { Fact } from '../readiness/snapshot.ts';
import type { MetricsFacts } from '../readiness/sources.ts';
import { found, fromRows, unread } from './surroundings-facts.ts';
import {
  type ArmPods,
  armPods,
  meshCertificatesFrom,
  proxyCertificatesFrom,
  throttlingFrom,
} from './surroundings-proxies.ts';
import { latePushesQuery, proxySyncFrom, refusedPushesQuery } from './surroundings-pushes.ts';
import * as queries from './surroundings-queries.ts';
import type { Asked } from './surroundings-service.ts';

export async function readProxyCertificates(asked: Asked): Promise<MetricsFacts['proxyCertificates']> {
  const { asking, target } = asked;
  if (hasNoPods(asked)) return found({ ttl: 86_400, pods: [] });
  const [known, certificates, ttl] = await Promise.all([
    askPods(asked),
    asking.rows(queries.proxyCertificatesQuery(target)),
    asking.rows(queries.certificateTtlQuery(target)),
  ]);
  if (known.kind === 'unread') return known;
  return fromRows(certificates, (rows) => proxyCertificatesFrom(rows, ttl, known.value));
}

export async function readThrottling(asked: Asked): Promise<MetricsFacts['throttling']> {
  const { asking, target } = asked;
  if (hasNoPods(asked)) return found([]);
  const [known, throttled, measured] = await Promise.all([
    askPods(asked),
    asking.rows(queries.throttlingQuery(target)),
    asking.rows(queries.measuredProxiesQuery(target)),
  ]);
  if (known.kind === 'unread') return known;
  return fromRows(throttled, (rows) => throttlingFrom(rows, measured, { target, known: known.value }));
}

/** Hosts outside the mesh have none to look at. */
function hasNoPods({ target }: Asked): boolean {
  return target.stable.podLabels === null && target.canary.podLabels === null;
}

async function askPods({ asking, target, selector }: Asked): Promise<Fact<ArmPods>> {
  const known = selector.kind === 'refused' ? null : selector;
  const pods = await asking.rows(queries.podsQuery(target, known));
  return pods.kind === 'failed' ? unread(pods.why) : found(armPods(pods.rows, target));
}

export async function readMeshCertificates({ asking }: Asked): Promise<MetricsFacts['meshCertificates']> {
  const [root, chain, changed, errors] = await Promise.all([
    asking.rows(queries.meshExpiryQuery('root_cert')),
    asking.rows(queries.meshExpiryQuery('cert_chain')),
    asking.rows(queries.rootChangeQuery()),
    asking.rows(queries.signingErrorsQuery()),
  ]);
  return meshCertificatesFrom({ root, chain, changed, errors });
}

export async function readProxySync({ asking }: Asked): Promise<MetricsFacts['proxySync']> {
  const [refused, late] = await Promise.all([
    asking.rows(refusedPushesQuery()),
    asking.rows(latePushesQuery()),
  ]);
  return proxySyncFrom(refused, late);
}
