import { expect, it } from 'vitest';
import { isServerError } from '../../src/metrics/server-errors.ts';

const is = (response_code: string, response_flags = '-', grpc_response_status = '') =>
  isServerError({ labels: { response_code, response_flags, grpc_response_status } });

it.each(['500', '503', '599'])('the code %s is an error, whatever else is said of it', (code) => {
  expect([is(code), is(code, 'UH'), is(code, 'DC'), is(code, '-', '0')]).toEqual([true, true, true, true]);
});

it.each(['200', '302', '404', '429', '5', '5000', '', 'x500'])('the code %j is none', (code) => {
  expect(is(code)).toBe(false);
});

it.each(['2', '4', '12', '13', '14', '15'])('the gRPC status %s is an error under HTTP 200', (status) => {
  expect(is('200', '-', status)).toBe(true);
});

it.each([
  '0',
  '1',
  '3',
  '5',
  '6',
  '7',
  '8',
  '9',
  '10',
  '11',
  '16',
  '',
])('the gRPC status %j is none: the caller’s fault, or nobody’s', (status) => {
  expect(is('200', '-', status)).toBe(false);
});

it.each([
  'UH',
  'UF',
  'UF,URX',
  'URX,UF',
  'UO',
  'UC',
  'UT',
  'UR',
  'LR',
  'NR',
  'NC',
])('code 0, which is no answer, is an error when the proxy says %s of what is behind it', (flags) => {
  expect(is('0', flags)).toBe(true);
});

it.each(['-', '', 'DC', 'DR', 'UC,DC'])('code 0 with the flags %j is a caller that hung up', (flags) => {
  expect(is('0', flags)).toBe(false);
});

it('a gRPC stream that its caller ended is none, though the proxy makes up the status 2 for it', () => {
  expect(is('200', 'DC', '2')).toBe(false);
  expect(is('200', 'DR', '2')).toBe(false);
});

it('rows without these labels are none', () => {
  expect(isServerError({ labels: {} })).toBe(false);
});
