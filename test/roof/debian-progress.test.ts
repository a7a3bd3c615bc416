import { expect, it } from 'vitest';
import { progress } from '../../local/debian.ts';

it('says of a download of several packages how far it is', () => {
  expect(progress('prometheus', 0, null)).toBe('Prometheus: package 1');
  expect(progress('prometheus', 2, 9)).toBe('Prometheus: package 3 of 9');
});
