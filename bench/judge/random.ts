import type { Random } from '../../src/sandbox/random.ts';

/**
 * A stream of numbers in [0, 1) for one rollout: the same for the same seed, name and number, whatever else runs.
 * xoshiro128** 1.1 (Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2021; public domain). Its
 * period of 2^128 - 1 leaves thousands of streams apart, which 32 bits of state would not.
 */
export function randomFor(seed: number, name: string, number: number): Random {
  const parts = [seed, hashOf(name), number];
  let [a, b, c, d] = [wordOf(1, parts), wordOf(2, parts), wordOf(3, parts), wordOf(4, parts)];
  return () => {
    const result = Math.imul(rotated(Math.imul(b, 5), 7), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotated(d, 11);
    return result / 4_294_967_296;
  };
}

/** Uniform between two values. */
export function between(random: Random, low: number, high: number): number {
  return low + (high - low) * random();
}

/** Uniform on a logarithmic scale between two positive values. */
export function logBetween(random: Random, low: number, high: number): number {
  return Math.exp(between(random, Math.log(low), Math.log(high)));
}

function rotated(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by));
}

function wordOf(start: number, parts: number[]): number {
  return parts.reduce((word, part) => mixed(word + Math.imul(part | 0, 0x9e3779b1)), mixed(start));
}

/** The last step of MurmurHash3 (Austin Appleby, public domain): each bit depends on every bit. */
function mixed(word: number): number {
  let bits = word | 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return bits ^ (bits >>> 16);
}

/** FNV-1a, 32 bits. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return hash;
}
