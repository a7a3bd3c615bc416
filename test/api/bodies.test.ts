import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonFault } from '../../src/api/json-fault.ts';
import { ProblemError } from '../../src/api/problem.ts';
import { parseYaml } from '../../src/api/yaml-body.ts';
import { api, ask, problemOf } from './api.ts';

const forbidden = new Set(['__proto__']);

function refusalOf(text: string): string {
  try {
    parseYaml(text, forbidden);
  } catch (error) {
    if (error instanceof ProblemError) return error.message;
    throw error;
  }
  throw new Error('it was taken');
}

describe('a body in YAML', () => {
  it.each([
    ['an anchor', 'a: &x 1', 'line 1, column 7: an anchor'],
    ['an alias', 'a: 1\nb: *x', 'line 2, column 4: an alias'],
    ['a bomb of aliases', 'a: &a [x]\nb: &b [*a, *a]\nc: [*b, *b]', 'line 1, column 7: an anchor'],
    ['a tag', 'a: 1\nb: !!str 2', 'a tag (!)'],
    ['an unknown tag', 'a: !js/function 1', 'line 1, column 4: Unresolved tag'],
    ['a directive', '%YAML 1.1\n---\na: yes', 'a directive (%)'],
    ['several documents', 'a: 1\n---\nb: 2', 'line 2, column 1: a second document'],
    ['a repeated key', 'a: 1\nb: 1\na: 2', 'line 3, column 1: a key is written twice'],
    ['a repeated key in another form', '"a": 1\na: 2', 'line 2, column 1: a key is written twice'],
    ['a key of prototypes', 'a:\n  __proto__: 1', 'line 2, column 3: the key "__proto__"'],
    ['a key that is no text', '? [a]\n: 1', 'line 1, column 3: With stringKeys'],
    ['an open bracket', 'a: 1\nb: [1, 2\n', 'line 3, column 1'],
    ['tabs', '\ta: 1', 'line 1, column 1: Tabs'],
    ['nothing', '# nothing\n', 'no YAML in it'],
  ])('is refused for %s, with line and column', (_name, text, why) => {
    expect(refusalOf(text)).toContain(why);
  });

  it.each([
    ['of brackets', '['.repeat(60_000)],
    ['of braces', '{a: '.repeat(15_000)],
    ['of dashes', `${'- '.repeat(30_000)}x`],
    ['of question marks', '? '.repeat(30_000)],
    ['of keys', 'a: '.repeat(20_000)],
    ['of brackets that a comment closes before', `# ${']'.repeat(30_000)}\n${'['.repeat(30_000)}`],
    ['of brackets that a comment closes behind', `${'['.repeat(30_000)} # ${']'.repeat(30_000)}`],
    ['of brackets that a comment closes on each line', '[ # ]\n'.repeat(9000)],
    ['of brackets that a text in quotes closes', '["]",\n'.repeat(9000)],
    ['of brackets that a block of text closes', `a: |\n  ${']'.repeat(30_000)}\nb: ${'['.repeat(30_000)}`],
    ['of indentation', Array.from({ length: 350 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n')],
  ])('never ends the process by a depth %s', (_name, text) => {
    expect(refusalOf(text)).toContain('nested too deeply');
  });

  it('is not taken for deep because of brackets in its texts and comments', () => {
    const text = `a: "${'['.repeat(200)}" # ${'{'.repeat(200)}\nb: |\n  ${'['.repeat(200)}\n`;
    expect(parseYaml(text, forbidden)).toEqual({ a: '['.repeat(200), b: `${'['.repeat(200)}\n` });
  });

  it('is read as JSON would say it: words of YAML 1.1 are text, and times are, too', () => {
    const text = 'a: yes\nb: 5m\nc: 1%\nd: 2026-01-01\ne: 0.5\nf: ~\ng: "x # y"\n1: one\n<<: kept\n';
    expect(parseYaml(text, forbidden)).toEqual({
      a: 'yes',
      b: '5m',
      c: '1%',
      d: '2026-01-01',
      e: 0.5,
      f: null,
      g: 'x # y',
      1: 'one',
      '<<': 'kept',
    });
  });

  it('reads all JSON as the platform does, or refuses it', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4, noUnicodeString: true }), (value) => {
        const text = JSON.stringify(value, null, 1);
        let read: unknown;
        try {
          read = parseYaml(text, forbidden);
        } catch (error) {
          expect(error).toBeInstanceOf(ProblemError);
          return;
        }
        expect(read).toEqual(JSON.parse(text));
      }),
      { numRuns: 200, seed: 7 },
    );
  });

  it('answers any text with a value or a problem', () => {
    const piece = fc.constantFrom(
      'a: ',
      '- ',
      '[',
      ']',
      '{',
      '}',
      '"',
      "'",
      '|\n',
      '>\n',
      '\n',
      ' ',
      '#',
      '&a ',
      '*a',
      '!t ',
      '? ',
      ',',
      'x',
      '\t',
      '---',
      '%',
      ':',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
        try {
          parseYaml(pieces.join(''), forbidden);
        } catch (error) {
          expect(error).toBeInstanceOf(ProblemError);
        }
      }),
      { numRuns: 500, seed: 7 },
    );
  });

  it('is not taken where people keep no files', async () => {
    const request = {
      method: 'POST' as const,
      url: '/v1/rollouts/ro_01KB4ZJ5Q8X2V7N3M6R9T0W1YC/actions/pause',
    };
    const response = await ask(api(), {
      ...request,
      payload: 'reason: x',
      headers: { 'content-type': 'application/yaml' },
    });
    expect(problemOf(response)).toMatchObject({
      status: 415,
      detail: expect.stringContaining('application/json'),
    });
  });
});

describe('a body in JSON', () => {
  it.each([
    ['{"a":1,}', { line: 1, column: 8 }],
    ['{\n  "a" 1}', { line: 2, column: 7 }],
    ['[1,2', { line: 1, column: 5 }],
    ['{"a":1}}', { line: 1, column: 8 }],
    ['[1,]', { line: 1, column: 4 }],
    ['{]', { line: 1, column: 2 }],
    ['nul', { line: 1, column: 1 }],
    ['', { line: 1, column: 1 }],
  ])('that is broken is refused with the place: %j', async (text, place) => {
    expect(jsonFault(text)).toEqual(place);
    if (text === '') return;
    const headers = { 'content-type': 'application/json' };
    const response = await ask(api(), { method: 'POST', url: '/v1/plans:validate', payload: text, headers });
    expect(problemOf(response).detail).toContain(`line ${place.line}, column ${place.column}`);
  });

  it('has a place of a fault exactly when the platform refuses it', () => {
    const piece = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"a"',
      '"',
      '1',
      '-',
      '0',
      '.5',
      'e3',
      'true',
      'null',
      ' ',
      '\n',
      '\\u00e9',
      '\\x',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.json(),
          fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join('')),
        ),
        (text) => {
          expect([text, jsonFault(text) === null]).toEqual([text, isJson(text)]);
        },
      ),
      { numRuns: 2000, seed: 7 },
    );
  });
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
