import { describe, expect, it } from 'vitest';
import { pointerOf } from '../../src/api/field-faults.ts';
import { negotiate } from '../../src/api/negotiate.ts';
import { redact } from '../../src/api/redact.ts';
import { nearest } from '../../src/known-names.ts';

describe('content negotiation', () => {
  const offers = ['application/json', 'text/plain'] as const;

  it.each([
    [undefined, 'application/json'],
    ['', 'application/json'],
    ['*/*', 'application/json'],
    ['text/plain', 'text/plain'],
    ['text/*', 'text/plain'],
    ['TEXT/PLAIN; charset=utf-8', 'text/plain'],
    ['application/json;q=0.1, text/plain', 'text/plain'],
    ['text/html, */*;q=0.1', 'application/json'],
    ['application/json;q=0, */*', 'text/plain'],
  ])('accept %s gets %s', (accept, offer) => {
    expect(negotiate(accept, offers)).toBe(offer);
  });

  it.each([
    'text/html',
    'application/json;q=0',
    'application/json;q=abc',
    ',',
  ])('accept %s gets nothing', (accept) => {
    expect(() => negotiate(accept, offers)).toThrow('Offered here: application/json, text/plain.');
  });
});

describe('a suggestion', () => {
  it.each([
    ['stpes', 'steps'],
    ['Weight', 'weight'],
    ['mx', 'max'],
    ['xyz', null],
    ['w'.repeat(41), null],
    ['', null],
  ])('for %s is %s', (written, meant) => {
    expect(nearest(written, ['steps', 'weight', 'max'])).toBe(meant);
  });
});

describe('a JSON Pointer', () => {
  it('escapes what RFC 6901 says', () => {
    expect(pointerOf(['checks', 'a/b~c', 0])).toBe('/checks/a~1b~0c/0');
    expect(pointerOf([])).toBe('');
  });
});

describe('a line of the log', () => {
  it.each([
    ['postgres://u:p@host/db down', 'postgres://***@host/db down'],
    ['Authorization: Bearer abc.def', 'Authorization: Bearer ***'],
    ['password=hunter2, host=a', 'password=***, host=a'],
    ['one\r\ntwo\u001b[31m', 'one two [31m'],
    ['https://host/path stays', 'https://host/path stays'],
  ])('%j becomes %j', (text, redacted) => {
    expect(redact(text)).toBe(redacted);
  });
});
