import { beforeEach, describe, expect, it } from 'vitest';
import { type CannedMesh, cannedMesh } from '../../../bench/scale/canned-mesh.ts';
import { fleetOf } from '../../../bench/scale/fleet.ts';
import { isObject, textAt, at as valueAt } from '../../../src/sandbox/json.ts';

const object = '/apis/networking.istio.io/v1/namespaces/scale-0/virtualservices/service-1';
const pods = '/api/v1/namespaces/scale-0/pods';

let mesh: CannedMesh;
beforeEach(() => {
  mesh = cannedMesh(fleetOf(3), () => 1_000);
});

function ask(method: string, path: string, { selector = '', body = '' } = {}) {
  const query = new URLSearchParams(selector === '' ? {} : { labelSelector: selector });
  const { status, body: text } = mesh.answer({ method, path, query, body });
  const parsed: unknown = JSON.parse(text);
  return { status, body: isObject(parsed) ? parsed : {} };
}

function patchOf(resourceVersion: string, weight: number): string {
  return JSON.stringify([
    { op: 'replace', path: '/metadata/resourceVersion', value: resourceVersion },
    { op: 'replace', path: '/spec/http/0/route/0/weight', value: 100 - weight },
    { op: 'replace', path: '/spec/http/0/route/1/weight', value: weight },
  ]);
}

function versionNow(): string {
  return textAt(ask('GET', object).body, 'metadata', 'resourceVersion');
}

describe('the canned mesh', () => {
  it('keeps the weights that a patch sets', () => {
    expect(ask('PATCH', object, { body: patchOf(versionNow(), 5) }).status).toBe(200);
    expect(valueAt(ask('GET', object).body, 'spec', 'http', 0, 'route', 1, 'weight')).toBe(5);
  });

  it('answers a patch with a stale resourceVersion with 409 and keeps the weights', () => {
    const before = versionNow();
    ask('PATCH', object, { body: patchOf(before, 5) });
    const late = ask('PATCH', object, { body: patchOf(before, 10) });
    expect([late.status, late.body['reason']]).toEqual([409, 'Conflict']);
    expect(valueAt(ask('GET', object).body, 'spec', 'http', 0, 'route', 1, 'weight')).toBe(5);
  });

  it('refuses a patch whose paths are not there', () => {
    const body = JSON.stringify([{ op: 'replace', path: '/spec/http/7/route/0/weight', value: 1 }]);
    expect(ask('PATCH', object, { body }).status).toBe(422);
  });

  it('tells who changed a weight and when, and nothing of a patch that changes none', () => {
    ask('PATCH', object, { body: patchOf(versionNow(), 5) });
    ask('PATCH', object, { body: patchOf(versionNow(), 5) });
    const change = { seq: 1, at: 1_000, weight: 5, namespace: 'scale-0', name: 'service-1' };
    expect(mesh.changesAfter(0)).toEqual([change]);
    expect(mesh.changesAfter(1)).toEqual([]);
  });

  it('lists the pods that have all the labels asked for', () => {
    const items = (selector: string) => valueAt(ask('GET', pods, { selector }).body, 'items');
    expect(items('app=service-1')).toHaveLength(4);
    expect(items('app=service-1,version=v2')).toHaveLength(2);
    expect(items('')).toHaveLength(12);
  });

  it('counts requests by verb and resource', () => {
    ask('GET', object);
    ask('PATCH', object, { body: patchOf('0', 5) });
    ask('GET', pods, { selector: 'app=service-1' });
    ask('GET', pods, { selector: 'app=service-1' });
    expect(mesh.counts()).toEqual({
      'get virtualservices': 1,
      'patch virtualservices': 1,
      'list pods': 2,
    });
  });

  it('knows nothing else', () => {
    expect(ask('GET', object.replace('service-1', 'service-9')).status).toBe(404);
    expect(ask('GET', '/apis/example.test/v1/namespaces/scale-0/things').status).toBe(404);
  });
});

describe('a watch of the canned mesh', () => {
  const list = '/apis/networking.istio.io/v1/namespaces/scale-0/virtualservices';

  function watch(resourceVersion: string) {
    const query = new URLSearchParams({ watch: 'true', resourceVersion });
    const { feed } = mesh.answer({ method: 'GET', path: list, query, body: '' });
    const lines: string[] = [];
    const stop = feed?.({ send: (line) => lines.push(line), end: () => lines.push('end') });
    return { lines, stop: stop ?? (() => undefined) };
  }

  it('tells what changed since the list, and what changes from then on', () => {
    const listed = textAt(ask('GET', list).body, 'metadata', 'resourceVersion');
    ask('PATCH', object, { body: patchOf(versionNow(), 5) });
    const { lines, stop } = watch(listed);
    ask('PATCH', object, { body: patchOf(versionNow(), 10) });
    stop();
    ask('PATCH', object, { body: patchOf(versionNow(), 15) });
    const events = lines.map((line) => {
      const event: unknown = JSON.parse(line);
      return isObject(event) ? event : {};
    });
    const weights = events.map((event) => valueAt(event, 'object', 'spec', 'http', 0, 'route', 1, 'weight'));
    expect(events.map((event) => textAt(event, 'type'))).toEqual(['MODIFIED', 'MODIFIED']);
    expect(weights).toEqual([5, 10]);
    expect(mesh.counts()).toMatchObject({ 'watch virtualservices': 1, 'list virtualservices': 1 });
  });
});
