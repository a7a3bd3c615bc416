import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/sandbox/json.ts';
import { virtualServices } from '../../src/sandbox/resources.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { lastRouteWriter, lastSigner } from '../../src/traffic/last-writer.ts';

type Field = { [name: string]: Field };

const spec = (...lists: string[]): Field => ({
  'f:spec': { '.': {}, 'f:hosts': {}, ...Object.fromEntries(lists.map((list) => [`f:${list}`, {}])) },
});
const signed: Field = {
  'f:metadata': { 'f:annotations': { '.': {}, 'f:canaryd.io/epoch': {}, 'f:canaryd.io/rollout': {} } },
};

function entry(manager: string, second: number, fieldsV1: unknown, more: object = {}) {
  const time = `2026-11-23T10:00:0${second}Z`;
  return {
    manager,
    operation: 'Update',
    apiVersion: 'networking.istio.io/v1',
    time,
    fieldsType: 'FieldsV1',
    fieldsV1,
    ...more,
  };
}

function object(...managedFields: unknown[]) {
  return { metadata: { name: 'payment', managedFields } };
}

describe('who last wrote the routes', () => {
  it('is the manager that owns the list of http routes, with operation and time', () => {
    const written = object(entry('helm', 1, spec()), entry('kubectl-edit', 5, spec('http')));
    expect(lastRouteWriter(written)).toEqual({
      manager: 'kubectl-edit',
      operation: 'Update',
      at: '2026-11-23T10:00:05Z',
    });
  });

  it('is the last of those who applied the same', () => {
    const apply = { operation: 'Apply' };
    const written = object(
      entry('argocd-controller', 7, spec('http'), apply),
      entry('helm', 2, spec('http'), apply),
    );
    expect(lastRouteWriter(written)).toMatchObject({ manager: 'argocd-controller', operation: 'Apply' });
  });

  it.each([
    ['canaryd owns the list', object(entry('canaryd', 5, spec('http')))],
    [
      'somebody applied exactly what canaryd wrote',
      object(entry('canaryd', 5, spec('http')), entry('helm', 9, spec('http'), { operation: 'Apply' })),
    ],
    ['nobody owns a list', object(entry('helm', 1, spec()))],
    ['only a status was written', object(entry('pilot', 9, spec('http'), { subresource: 'status' }))],
    ['they are not kept', { metadata: {} }],
    ['they are empty', object()],
    ['they are nonsense', object(7, null, 'x', entry('', 1, spec('http')), entry('helm', 1, 'f:http'))],
    ['they are no list', { metadata: { managedFields: 'f:http' } }],
  ])('is nobody when %s', (_name, written) => {
    expect(lastRouteWriter(written)).toBeNull();
  });

  it.each(['tls', 'tcp'])('is found for %s routes too, beside http routes of canaryd', (list) => {
    const written = object(entry('canaryd', 5, spec('http')), entry('kubectl-patch', 7, spec(list)));
    expect(lastRouteWriter(written)).toMatchObject({ manager: 'kubectl-patch' });
  });

  it('has no time when the server kept none that can be read', () => {
    const written = object(entry('helm', 1, spec('http'), { time: 'yesterday' }));
    expect(lastRouteWriter(written)).toMatchObject({ manager: 'helm', at: null });
  });

  it('cannot smuggle anything into sentences by its name', () => {
    const written = object(entry('<!here>\n```', 1, spec('http')), entry('x'.repeat(500), 0, spec('http')));
    expect(lastRouteWriter(written)?.manager).toBe('??here?????');
  });
});

describe("who last wrote canaryd's annotations", () => {
  it('is nobody while canaryd did, whoever wrote the routes', () => {
    expect(
      lastSigner(object(entry('canaryd', 1, signed), entry('kubectl-edit', 5, spec('http')))),
    ).toBeNull();
  });

  it('is the manager that forged one of them', () => {
    const epoch: Field = { 'f:metadata': { 'f:annotations': { 'f:canaryd.io/epoch': {} } } };
    const rollout: Field = { 'f:metadata': { 'f:annotations': { 'f:canaryd.io/rollout': {} } } };
    expect(
      lastSigner(object(entry('canaryd', 1, rollout), entry('kubectl-annotate', 5, epoch))),
    ).toMatchObject({ manager: 'kubectl-annotate' });
  });
});

describe('as an API server keeps them', () => {
  let sandbox: Sandbox;
  const key = { type: virtualServices, namespace: 'payment-prod', name: 'payment-service' };

  beforeEach(async () => {
    sandbox = await startSandbox({ tickMs: 0 });
  });
  afterEach(() => sandbox.close());

  function write(manager: string, weight: number): void {
    const before = sandbox.store.get(key);
    const text = JSON.stringify(before).replace(/"weight":\d+/, `"weight":${weight}`);
    sandbox.store.update(key, JSON.parse(text), manager);
  }

  function writer() {
    const stored: JsonObject = sandbox.store.get(key) ?? {};
    return lastRouteWriter({ metadata: Object(stored['metadata']) })?.manager ?? null;
  }

  it('a change moves the list to whoever made it, and the same value moves nothing', () => {
    write('canaryd', 95);
    expect(writer()).toBeNull();
    write('kubectl-edit', 70);
    expect(writer()).toBe('kubectl-edit');
    write('argocd-controller', 70);
    expect(writer()).toBe('kubectl-edit');
    write('canaryd', 95);
    expect(writer()).toBeNull();
  });
});
