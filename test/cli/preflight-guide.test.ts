import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../../src/cli/run.ts';
import { AuthorizationPolicy, Deployment, Gateway } from '../../src/readiness/objects.ts';
import { readGatewayCertificates } from '../../src/traffic/gateway-certificates.ts';
import { aliceToken } from '../api/api.ts';
import { type ReadinessWorld, readinessWorld } from '../api/readiness-world.ts';
import { surroundingsOf } from '../fakes/surroundings.ts';
import { authorizationPolicies, deployments, gateways } from '../readiness/bank-objects.ts';
import { parsed, read } from '../readiness/healthy.ts';

const guide = await readFile(new URL('../../docs/guides/before-it-starts.md', import.meta.url), 'utf8');
const [, section = ''] = /^## Preflight\n([\s\S]*?)^## /m.exec(guide) ?? [];
const blockOf = (language: string) =>
  new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\`$`, 'm').exec(section)?.[1] ?? '';

let world: ReadinessWorld;
let url: string;
let folder: string;

/** The callers' policy selects stable alone, a batch calls in plaintext, and a gateway's certificate is in a Secret. */
const surroundings = surroundingsOf({
  authorizationPolicies: read(parsed(AuthorizationPolicy, authorizationPolicies).map(forStable)),
  gatewayCertificates: await certificatesWithoutCertManager(),
  callers: read([caller('order-prod/order-service', 600, 0), caller('reports/batch', 0.2, 0.2)]),
});

function certificatesWithoutCertManager() {
  const missing = () => Promise.resolve({ kind: 'missing' as const });
  const kube = { listObjects: missing, readObject: missing, listVersions: missing, mayDo: missing };
  const asking = { kube, signal: new AbortController().signal };
  const behind = () =>
    Promise.resolve({ deployments: parsed(Deployment, deployments), left: new Set<string>(), gaps: [] });
  return readGatewayCertificates(asking, read(parsed(Gateway, gateways)), behind);
}

function caller(name: string, requestsPerSecond: number, plaintextPerSecond: number) {
  const [namespace = '', workload = ''] = name.split('/');
  return { namespace, workload, principal: null, requestsPerSecond, plaintextPerSecond };
}

function forStable(policy: AuthorizationPolicy): AuthorizationPolicy {
  if (policy.metadata.name !== 'allow-orders') return policy;
  const selector = { matchLabels: { app: 'payment-service', version: 'v1' } };
  return { ...policy, spec: { ...policy.spec, selector } };
}

beforeAll(async () => {
  world = await readinessWorld({ surroundings });
  url = await world.app.listen({ host: '127.0.0.1', port: 0 });
  folder = await mkdtemp(join(tmpdir(), 'canaryd-preflight-'));
});
afterAll(async () => {
  await world.app.close();
  await rm(folder, { recursive: true });
});

describe('the guide to what happens before a start', () => {
  it('shows what canaryd preflight really says of its example', async () => {
    const file = join(folder, 'rollout.yaml');
    await writeFile(file, blockOf('yaml'));
    let shown = '';
    const out = (text: string) => {
      shown += text;
    };
    const env = { CANARYD_URL: url, CANARYD_TOKEN: aliceToken };
    expect(await run(['preflight', file], { env, out, err: out })).toBe(6);
    expect(shown.replace(file, 'rollout.yaml')).toBe(blockOf('text'));
  });
});
