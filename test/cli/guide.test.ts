import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { planSchemaText } from '../../src/api/plan-schema.ts';
import { run } from '../../src/cli/run.ts';
import { aliceToken, ask } from '../api/api.ts';
import { type CliWorld, openCli } from './cli.ts';

const guide = await readFile(new URL('../../docs/guides/write-a-plan.md', import.meta.url), 'utf8');
const blockOf = (language: string) =>
  new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\`$`, 'm').exec(guide)?.[1] ?? '';
const example = blockOf('yaml');

let world: CliWorld;
beforeAll(async () => {
  world = await openCli();
});
afterAll(() => world.close());

describe('the guide to plans', () => {
  it('shows what the command really says of its example', async () => {
    await world.write('plan.yaml', example);
    let shown = '$ canaryd plan validate plan.yaml\n';
    const env = { CANARYD_URL: world.url, CANARYD_TOKEN: aliceToken };
    const out = (text: string) => {
      shown += text;
    };
    const file = join(world.folder, 'plan.yaml');
    expect(await run(['plan', 'validate', file], { env, out, err: out })).toBe(0);
    expect(shown.replace(file, 'plan.yaml')).toBe(blockOf('text'));
  });

  it('keeps its example under the path and with the header that it names', async () => {
    const headers = { 'content-type': 'application/yaml' };
    const request = { method: 'PUT' as const, url: '/v1/plans/pci-standard', headers };
    expect((await ask(world.app, { ...request, payload: example })).statusCode).toBe(201);
    const next = example.replace('2h', '3h');
    expect((await ask(world.app, { ...request, payload: next })).statusCode).toBe(428);
    const matched = { ...request, headers: { ...headers, 'if-match': '"1"' } };
    expect((await ask(world.app, { ...matched, payload: next })).statusCode).toBe(200);
    expect((await ask(world.app, { ...matched, payload: example })).statusCode).toBe(412);
  });

  it('names every field of a plan, of a check and every kind of step, and no other', () => {
    const Typed = z.looseObject({
      properties: z.looseObject({ type: z.looseObject({ const: z.string() }) }),
    });
    const Schema = z.looseObject({
      properties: z.looseObject({
        steps: z.looseObject({ items: z.looseObject({ oneOf: z.array(Typed) }) }),
        checks: z.looseObject({
          additionalProperties: z.looseObject({
            oneOf: z.array(z.looseObject({ properties: z.looseObject({}) })),
          }),
        }),
      }),
    });
    const { properties } = Schema.parse(JSON.parse(planSchemaText()));
    const checks = properties.checks.additionalProperties.oneOf.flatMap((one) => Object.keys(one.properties));
    const steps = properties.steps.items.oneOf.map((one) => one.properties.type.const);
    const described = [...guide.matchAll(/^\| `(\w+)` \|/gm)].map(([, name = '']) => name);
    const expected = [...Object.keys(properties), ...new Set(checks), ...steps, 'type'];
    expect(described.toSorted()).toEqual(expected.toSorted());
  });
});
