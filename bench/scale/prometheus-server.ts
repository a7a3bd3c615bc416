import { setTimeout as wait } from 'node:timers/promises';
import { adminOf } from './admin.ts';
import type { CannedAnswer, CannedRequest } from './canned-mesh.ts';
import { answerQuery } from './canned-prometheus.ts';
import { serveCanned } from './canned-server.ts';
import { breachingOf, fleetOf, keyOf } from './fleet.ts';

const [folder = '', rollouts = '0', meshUrl = ''] = process.argv.slice(2);
const breaching = new Set(breachingOf(fleetOf(Number(rollouts))).map(keyOf));
const shares = new Map<string, number>();
const counts: Record<string, number> = { query: 0, 'query refused': 0 };
let breachedAt: number | null = null;

await serveCanned(folder, (request) => administer(request) ?? answer(request));
await followMesh();

/** Traffic follows the weights as the proxies would, a moment later. */
async function followMesh(): Promise<void> {
  const mesh = adminOf(meshUrl, folder);
  let seen = 0;
  for (;;) {
    for (const { seq, weight, ...place } of await mesh.changesAfter(seen)) {
      shares.set(keyOf(place), weight);
      seen = seq;
    }
    await wait(500);
  }
}

function administer({ path }: CannedRequest): CannedAnswer | null {
  if (path === '/admin/counts') return json(200, counts);
  if (path !== '/admin/breach') return null;
  breachedAt = Date.now();
  return json(200, { at: breachedAt });
}

function answer({ method, query, body }: CannedRequest): CannedAnswer {
  const parameters = method === 'POST' ? new URLSearchParams(body) : query;
  const text = parameters.get('query') ?? '';
  const at = Number(parameters.get('time') ?? Date.now() / 1000);
  const answered = answerQuery(text, at, (namespace, name) => {
    const key = keyOf({ namespace, name });
    return { canaryShare: shares.get(key) ?? 0, isBreaching: breachedAt !== null && breaching.has(key) };
  });
  count(answered === null ? 'query refused' : 'query');
  if (answered !== null) return { status: 200, body: answered };
  const error = `the canned server does not know the query ${text.slice(0, 100)}`;
  return json(400, { status: 'error', errorType: 'bad_data', error });
}

function count(what: string): void {
  counts[what] = (counts[what] ?? 0) + 1;
}

function json(status: number, value: unknown): CannedAnswer {
  return { status, body: JSON.stringify(value) };
}
