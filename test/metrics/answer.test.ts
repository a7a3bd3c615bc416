import { describe, expect, it } from 'vitest';
import { readAnswer, readSeries, sampleNumber } from '../../src/metrics/answer.ts';

const vector = (value: unknown, more: object = {}) => ({
  status: 'success',
  data: { resultType: 'vector', result: [{ metric: { le: '1' }, value: [1, value] }] },
  ...more,
});

describe('a sample value', () => {
  it.each([
    ['+Inf', Number.POSITIVE_INFINITY],
    ['-Inf', Number.NEGATIVE_INFINITY],
    ['NaN', Number.NaN],
    ['1e-05', 0.00001],
    ['12.5', 12.5],
    ['', Number.NaN],
    [' ', Number.NaN],
    ['1,5', Number.NaN],
  ])('written %j is read as %d', (text, number) => {
    expect(sampleNumber(text)).toBe(number);
  });
});

describe('an answer', () => {
  it('keeps infinities', () => {
    expect(readAnswer(200, vector('+Inf'))).toEqual({
      kind: 'rows',
      rows: [{ labels: { le: '1' }, value: Number.POSITIVE_INFINITY }],
    });
  });

  it('that is a scalar is one row without labels', () => {
    const body = { status: 'success', data: { resultType: 'scalar', result: [1, '1700.5'] } };
    expect(readAnswer(200, body)).toEqual({ kind: 'rows', rows: [{ labels: {}, value: 1700.5 }] });
  });

  it('with warnings is no answer, because part of the data may be missing', () => {
    const body = vector('1', { warnings: ['fetch from\nstore-2: context deadline exceeded'] });
    expect(readAnswer(200, body)).toEqual({
      kind: 'failed',
      why: 'gave a partial answer: fetch from store-2: context deadline exceeded',
      fault: 'provider',
    });
  });

  it('with warnings of the query language only is about the services that were asked for', () => {
    const warning = 'PromQL warning: bucket label "le" is missing or has a malformed value of "" (1:20)';
    expect(readAnswer(200, vector('1', { warnings: [warning] }))).toMatchObject({ fault: 'query' });
    const both = vector('1', { warnings: [warning, 'store-2 is down'] });
    expect(readAnswer(200, both)).toMatchObject({ fault: 'provider' });
  });

  it('with remarks that lose no data is an answer', () => {
    expect(
      readAnswer(200, vector('1', { warnings: [], infos: ['metric might not be a counter'] })).kind,
    ).toBe('rows');
  });

  it.each([
    [
      'an error under HTTP 200',
      200,
      { status: 'error', errorType: 'internal', error: 'boom' },
      'refused the query (HTTP 200): boom',
    ],
    [
      'a refused query',
      400,
      { status: 'error', errorType: 'bad_data', error: 'parse error' },
      'refused the query (HTTP 400): parse error',
    ],
    [
      'a web page',
      200,
      '<html></html>',
      "answered with something that is not Prometheus's query API: check the address",
    ],
    ['nothing', 200, '', "answered with something that is not Prometheus's query API: check the address"],
    [
      'a number where text belongs',
      200,
      vector(1),
      "answered with something that is not Prometheus's query API: check the address",
    ],
    [
      'a range of samples',
      200,
      { status: 'success', data: { resultType: 'matrix', result: [] } },
      "answered with something that is not Prometheus's query API: check the address",
    ],
    ['a failing server', 503, 'down', 'answered HTTP 503'],
    ['success under a failing status', 500, vector('1'), 'answered HTTP 500'],
    ['refused credentials', 401, 'no', 'refused the credentials (HTTP 401)'],
    ['a redirect', 302, '', 'redirects elsewhere (HTTP 302): configure the address it points to'],
  ])('that is %s says so', (_, status, body, why) => {
    expect(readAnswer(status, body)).toMatchObject({ kind: 'failed', why });
  });

  it.each([
    [400, 'bad_data', 'query'],
    [422, 'execution', 'query'],
    [413, null, 'query'],
    [414, null, 'query'],
    [503, 'timeout', 'time'],
    [504, null, 'time'],
    [500, 'internal', 'provider'],
    [503, null, 'provider'],
    [429, null, 'provider'],
    [401, null, 'provider'],
    [302, null, 'provider'],
    [200, null, 'provider'],
  ])('with HTTP %i and the error %s is the fault of the %s', (status, errorType, fault) => {
    const body = errorType === null ? 'no' : { status: 'error', errorType, error: 'no' };
    expect(readAnswer(status, body)).toMatchObject({ kind: 'failed', fault });
  });

  it('quotes at most 200 characters of what the provider said', () => {
    const answer = readAnswer(422, { status: 'error', error: 'x'.repeat(5000) });
    expect(answer.kind === 'failed' && answer.why.length).toBeLessThan(250);
  });
});

describe('an answer over time', () => {
  const matrix = (values: unknown, more: object = {}) => ({
    status: 'success',
    data: { resultType: 'matrix', result: [{ metric: { pod: 'a' }, values }] },
    ...more,
  });

  it('keeps every value with its instant', () => {
    const body = matrix([
      [60, '1'],
      [120, '+Inf'],
    ]);
    expect(readSeries(200, body)).toEqual({
      kind: 'series',
      series: [
        {
          labels: { pod: 'a' },
          points: [
            [60, 1],
            [120, Number.POSITIVE_INFINITY],
          ],
        },
      ],
    });
  });

  it('with warnings, of another kind or of another shape is no answer', () => {
    expect(readSeries(200, matrix([], { warnings: ['store-2 is down'] }))).toMatchObject({
      why: 'gave a partial answer: store-2 is down',
    });
    expect(readSeries(200, vector('1')).kind).toBe('failed');
    expect(readSeries(200, matrix([[60, 1]])).kind).toBe('failed');
    expect(readSeries(200, matrix('none')).kind).toBe('failed');
    expect(readSeries(503, matrix([])).kind).toBe('failed');
    expect(readAnswer(200, matrix([])).kind).toBe('failed');
  });
});
