import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Json, JsonObject } from '../../src/sandbox/json.ts';
import { applyJsonPatch } from '../../src/sandbox/json-patch.ts';
import { applyMergePatch } from '../../src/sandbox/merge-patch.ts';

const stored: JsonObject = {
  metadata: {},
  spec: { route: [{ weight: 90 }, { weight: 10 }, {}], note: null },
};

function patched(...operations: JsonObject[]): Json {
  const result = applyJsonPatch(stored, JSON.stringify(operations));
  return result.kind === 'patched' ? result.value : result.kind;
}

function routes(...weights: JsonObject[]): JsonObject {
  return { metadata: {}, spec: { route: weights, note: null } };
}

describe('a JSON patch as the API server applies it', () => {
  it.each([
    [
      'replaces a value',
      { op: 'replace', path: '/spec/route/0/weight', value: 80 },
      [{ weight: 80 }, { weight: 10 }, {}],
    ],
    [
      'adds by replace where the key is absent',
      { op: 'replace', path: '/spec/route/2/weight', value: 5 },
      [{ weight: 90 }, { weight: 10 }, { weight: 5 }],
    ],
    [
      'counts negative indices from the end',
      { op: 'replace', path: '/spec/route/-3/weight', value: 1 },
      [{ weight: 1 }, { weight: 10 }, {}],
    ],
    [
      'reads 01 as an index',
      { op: 'replace', path: '/spec/route/01/weight', value: 2 },
      [{ weight: 90 }, { weight: 2 }, {}],
    ],
    [
      'takes a missing value for null',
      { op: 'replace', path: '/spec/route/0/weight' },
      [{ weight: null }, { weight: 10 }, {}],
    ],
    [
      'inserts into a list',
      { op: 'add', path: '/spec/route/1', value: {} },
      [{ weight: 90 }, {}, { weight: 10 }, {}],
    ],
    [
      'appends with a dash',
      { op: 'add', path: '/spec/route/-', value: 7 },
      [{ weight: 90 }, { weight: 10 }, {}, 7],
    ],
    ['removes from a list', { op: 'remove', path: '/spec/route/0' }, [{ weight: 10 }, {}]],
    [
      'copies',
      { op: 'copy', from: '/spec/route/0/weight', path: '/spec/route/2/weight' },
      [{ weight: 90 }, { weight: 10 }, { weight: 90 }],
    ],
    [
      'moves',
      { op: 'move', from: '/spec/route/1', path: '/spec/route/0' },
      [{ weight: 10 }, { weight: 90 }, {}],
    ],
    [
      'passes a test of an absent key against null',
      { op: 'test', path: '/spec/absent', value: null },
      [{ weight: 90 }, { weight: 10 }, {}],
    ],
    [
      'compares deeply in a test',
      { op: 'test', path: '/spec/route/0', value: { weight: 90 } },
      [{ weight: 90 }, { weight: 10 }, {}],
    ],
  ])('%s', (_name, operation, expected) => {
    expect(patched(operation)).toEqual({ metadata: {}, spec: { route: expected, note: null } });
  });

  it.each([
    ['a failing test', { op: 'test', path: '/spec/route/0/weight', value: 89 }],
    ['a test below a missing list element', { op: 'test', path: '/spec/route/9', value: null }],
    ['a replace of a missing list element', { op: 'replace', path: '/spec/route/3', value: {} }],
    ['a replace with a dash', { op: 'replace', path: '/spec/route/-', value: {} }],
    ['a path through something missing', { op: 'add', path: '/spec/absent/key', value: 1 }],
    ['an add behind the end of a list', { op: 'add', path: '/spec/route/4', value: 1 }],
    ['a removal of an absent key', { op: 'remove', path: '/spec/absent' }],
    ['a copy from nowhere', { op: 'copy', from: '/spec/absent', path: '/spec/here' }],
    ['a move without a source', { op: 'move', path: '/spec/here' }],
    ['an unknown operation', { op: 'frob', path: '/spec' }],
    ['a missing operation', { path: '/spec', value: 1 }],
    ['a path that does not start with a slash', { op: 'add', path: 'spec/x', value: 1 }],
  ])('is rejected as a whole for %s', (_name, operation) => {
    expect(patched({ op: 'replace', path: '/spec/route/0/weight', value: 1 }, operation)).toBe('rejected');
  });

  it('unescapes ~1 and ~0 in a path', () => {
    expect(patched({ op: 'add', path: '/metadata/a.io~1b~0c', value: 'x' })).toMatchObject({
      metadata: { 'a.io/b~c': 'x' },
    });
  });

  it('treats __proto__ as an ordinary key', () => {
    const result = patched({ op: 'add', path: '/metadata/__proto__', value: { polluted: true } });
    expect(JSON.stringify(result)).toContain('"__proto__":{"polluted":true}');
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
  });

  it('cannot be decoded when it is no list', () => {
    expect(applyJsonPatch(stored, '{"spec":{}}')).toMatchObject({ kind: 'undecodable' });
    expect(applyJsonPatch(stored, '[{')).toMatchObject({ kind: 'undecodable' });
  });

  it('may hold 10,000 operations and not one more', () => {
    const operations = (count: number) =>
      JSON.stringify(Array.from({ length: count }, () => ({ op: 'test', path: '/metadata', value: {} })));
    expect(applyJsonPatch(stored, operations(10_000)).kind).toBe('patched');
    expect(applyJsonPatch(stored, operations(10_001))).toEqual({ kind: 'tooManyOperations', count: 10_001 });
  });

  it('never changes the stored object', () => {
    const path = fc.constantFrom(
      '/spec/route/0/weight',
      '/spec/route/1',
      '/spec/note',
      '/metadata/x',
      '/spec',
      '',
    );
    const op = fc.constantFrom('add', 'replace', 'remove', 'test', 'copy', 'move');
    const before = JSON.stringify(stored);
    fc.assert(
      fc.property(fc.array(fc.record({ op, path, from: path, value: fc.jsonValue() })), (operations) => {
        applyJsonPatch(stored, JSON.stringify(operations));
        return JSON.stringify(stored) === before;
      }),
    );
  });
});

describe('a merge patch', () => {
  it('replaces lists whole and deletes by null', () => {
    expect(applyMergePatch(stored, { spec: { route: [{ weight: 1 }], note: null } })).toEqual({
      metadata: {},
      spec: { route: [{ weight: 1 }] },
    });
  });

  it('leaves what it does not name', () => {
    expect(applyMergePatch(routes({}), { metadata: { labels: { a: 'b' } } })).toEqual({
      ...routes({}),
      metadata: { labels: { a: 'b' } },
    });
  });
});
