import { type CannedAnswer, type CannedRequest, cannedMesh } from './canned-mesh.ts';
import { serveCanned } from './canned-server.ts';
import { fleetOf } from './fleet.ts';

const [folder = '', rollouts = '0'] = process.argv.slice(2);
const mesh = cannedMesh(fleetOf(Number(rollouts)), Date.now);

await serveCanned(folder, (request) => administer(request) ?? mesh.answer(request));

/** What the benchmark asks, beside the API. */
function administer({ path, query }: CannedRequest): CannedAnswer | null {
  if (path === '/admin/counts') return json(mesh.counts());
  if (path === '/admin/changes') return json(mesh.changesAfter(Number(query.get('after') ?? 0)));
  return null;
}

function json(value: unknown): CannedAnswer {
  return { status: 200, body: JSON.stringify(value) };
}
