import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Json, type JsonObject, listAt, textAt } from '../../src/sandbox/json.ts';
import { fold, type InProcess, inProcess } from './in-process.ts';

const collection = '/apis/networking.istio.io/v1/namespaces/demo/virtualservices';
const path = `${collection}/payment`;

/** One request by somebody to the one object. Many of them are refused, as in life. */
type Step =
  | { kind: 'create'; weight: number; finalizer: boolean }
  | { kind: 'json'; operations: Json }
  | { kind: 'merge'; patch: Json }
  | { kind: 'put'; weight: number; stale: boolean }
  | { kind: 'delete' };

const weight = fc.integer({ min: 0, max: 100 });
const team = fc.constantFrom('a', 'b', null);
const operation = fc.oneof(
  fc.record({ op: fc.constant('replace'), path: fc.constant('/spec/http/0/route/0/weight'), value: weight }),
  fc.record({
    op: fc.constant('add'),
    path: fc.constant('/metadata/labels'),
    value: fc.constant({ team: 'a' }),
  }),
  fc.record({ op: fc.constant('remove'), path: fc.constant('/metadata/labels/team') }),
  fc.record({
    op: fc.constant('replace'),
    path: fc.constant('/metadata/resourceVersion'),
    value: fc.constant('1'),
  }),
);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('create' as const), weight, finalizer: fc.boolean() }),
  fc.record({ kind: fc.constant('json' as const), operations: fc.array(operation, { maxLength: 3 }) }),
  fc.record({
    kind: fc.constant('merge' as const),
    patch: team.map((value) => ({ metadata: { labels: { team: value } } })),
  }),
  fc.record({ kind: fc.constant('merge' as const), patch: fc.constant({ metadata: { finalizers: null } }) }),
  fc.record({ kind: fc.constant('put' as const), weight, stale: fc.boolean() }),
  fc.record({ kind: fc.constant('delete' as const) }),
);

function virtualService(share: number, finalizers: string[]): JsonObject {
  const route = [{ destination: { host: 'payment', subset: 'v1' }, weight: share }];
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name: 'payment', namespace: 'demo', finalizers },
    spec: { hosts: ['payment'], http: [{ name: 'primary', route }] },
  };
}

function take(server: InProcess, one: Step): void {
  switch (one.kind) {
    case 'create':
      return void server.ask('POST', collection, virtualService(one.weight, one.finalizer ? ['a.io/b'] : []));
    case 'json':
      return void server.ask('PATCH', path, one.operations, 'application/json-patch+json');
    case 'merge':
      return void server.ask('PATCH', path, one.patch, 'application/merge-patch+json');
    case 'put': {
      const object = virtualService(one.weight, []);
      const found = textAt(Object(server.ask('GET', path).body), 'metadata', 'resourceVersion');
      const metadata = { name: 'payment', namespace: 'demo', resourceVersion: one.stale ? '1' : found };
      return void server.ask('PUT', path, { ...object, metadata });
    }
    case 'delete':
      return void server.ask('DELETE', path);
  }
}

/** What a list shows, by name. */
function listed(server: InProcess, query = ''): Map<string, JsonObject> {
  const items = listAt(Object(server.ask('GET', `${collection}${query}`).body), 'items').map(Object);
  return fold(items, []);
}

describe('a watch', () => {
  it.each([
    '',
    'labelSelector=team%3Da',
  ])('from any version of the past leads from that list to what is there now (%s)', (selector) => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 14 }), (steps) => {
        const server = inProcess();
        const versions = [server.store.version()];
        const open = [
          { start: listed(server, `?${selector}`), seen: server.watch(watching(selector, versions[0])) },
        ];
        for (const one of steps) {
          take(server, one);
          versions.push(server.store.version());
          const start = listed(server, `?${selector}`);
          open.push({ start, seen: server.watch(watching(selector, versions.at(-1))) });
        }
        const now = listed(server, `?${selector}`);
        for (const { start, seen } of open) expect(fold([...start.values()], seen.events)).toEqual(now);
        for (const version of versions) expect(replayed(server, selector, version)).toEqual(now);
      }),
      { numRuns: 150 },
    );
  });

  it('of one object ends with what GET answers', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 14 }), (steps) => {
        const server = inProcess();
        const watch = server.watch(`${collection}?watch=true&fieldSelector=metadata.name%3Dpayment`);
        for (const one of steps) take(server, one);
        const reply = server.ask('GET', path);
        const last = fold([], watch.events).get('payment');
        expect(last).toEqual(reply.status === 200 ? reply.body : undefined);
      }),
      { numRuns: 150 },
    );
  });

  it('shows every version once and in order', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 14 }), (steps) => {
        const server = inProcess();
        const watch = server.watch(watching('', server.store.version()));
        for (const one of steps) take(server, one);
        const versions = watch.events.map(({ object }) =>
          Number(textAt(Object(object), 'metadata', 'resourceVersion')),
        );
        expect(versions).toEqual([...new Set(versions)].sort((a, b) => a - b));
      }),
      { numRuns: 100 },
    );
  });
});

function watching(selector: string, version: number | undefined): string {
  return `${collection}?watch=true&resourceVersion=${version}&${selector}`;
}

/** The list as it was at a version, and what a watch from there adds. */
function replayed(server: InProcess, selector: string, version: number): Map<string, JsonObject> {
  const start = listed(server, `?resourceVersion=${version}&resourceVersionMatch=Exact&${selector}`);
  return fold([...start.values()], server.watch(watching(selector, version)).events);
}
