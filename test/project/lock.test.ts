import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { root } from './cruise.ts';

const Lock = z.looseObject({
  packages: z.record(
    z.string(),
    z.looseObject({
      resolved: z.string().optional(),
      optionalDependencies: z.record(z.string(), z.string()).optional(),
    }),
  ),
});
const { packages } = Lock.parse(JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')));

describe('package-lock.json', () => {
  it('lists the optional packages of every package: without one of them `npm ci` refuses the whole file', () => {
    const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).filter((name) => !isListed(path, name)),
    );
    expect(missing).toEqual([]);
  });

  it('names no registry, so that every user takes their own', () => {
    expect(Object.values(packages).filter(({ resolved }) => resolved !== undefined)).toEqual([]);
  });
});

function isListed(path: string, name: string): boolean {
  return (
    packages[`${path}/node_modules/${name}`] !== undefined || packages[`node_modules/${name}`] !== undefined
  );
}
