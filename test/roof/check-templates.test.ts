import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { CheckTemplates } from '../../src/config/check-templates.ts';
import { templateFaults } from '../../src/rollout/check-template.ts';
import { Plan } from '../../src/rollout/plan.ts';

const query =
  'sum(rate(orders_failed_total{namespace="{{namespace}}",version="{{version}}",shop="{{args.shop}}"}[{{window}}]))';
const orders = { query, args: { shop: { type: 'label' } }, unit: 'count', breach: 'above' };

/** What is wrong with a template that differs from a sound one in this. */
function faultsOf(over: object): string[] {
  const read = CheckTemplates.safeParse({ orders: { ...orders, ...over } });
  return read.error?.issues.map(({ message }) => message) ?? [];
}

const select = (selector: string) => `sum(x{version="{{version}}",${selector}}[{{window}}])`;

describe('a template of a custom check in the configuration', () => {
  it('is a query with typed arguments, asked of Prometheus unless it says otherwise', () => {
    const read = CheckTemplates.parse({ orders });
    expect(read).toMatchObject({ orders: { args: orders.args, unit: 'count', provider: 'prometheus' } });
    const written = read['orders']?.query.map((part) =>
      part.kind === 'text' ? part.text : `{{${part.name}}}`,
    );
    expect(written?.join('')).toBe(query);
    expect(CheckTemplates.parse(undefined)).toEqual({});
  });

  it.each([
    ['an argument that nobody declared', select('shop="{{args.other}}"'), 'unknown placeholder'],
    ['a name that means nothing', select('shop="{{args.shop}}",pod="{{pod}}"'), 'unknown placeholder'],
    ['what every object has', select('shop="{{args.shop}}",a="{{args.constructor}}"'), 'unknown placeholder'],
    ['an empty one', select('shop="{{args.shop}}",a="{{}}"'), 'unknown placeholder'],
    ['one that does not end', select('shop="{{args.shop}}",a="{{version"'), 'no placeholder'],
    ['text in a regular expression', select('shop=~"{{args.shop}}"'), 'no label is compared with = or !='],
    ['text in a negated regular expression', select('shop!~"{{args.shop}}"'), 'no label is compared'],
    ['text outside of quotes', 'sum(x{version="{{version}}"} * {{args.shop}})', 'outside of quotes'],
    ['a window in quotes', select('shop="{{args.shop}}",w="{{window}}"'), 'in quotes'],
    [
      'text that hides in other quotes',
      `sum(x{version="{{version}}",a='"',shop={{args.shop}}})`,
      'outside of quotes',
    ],
    ['quotes that do not end', 'sum(x{version="{{version}}",shop="{{args.shop}}', 'quotes that do not end'],
    ['a comment', `${query} # all is well`, 'has a comment'],
    ['no use of an argument', select('a="b"'), 'does not use the argument shop'],
    [
      'nothing that tells canary from stable',
      'sum(x{shop="{{args.shop}}"})',
      'the same for canary and stable',
    ],
  ])('is refused with %s', (_what, written, says) => {
    expect(faultsOf({ query: written }).join('; ')).toContain(says);
  });

  it('may compare with != and select by service', () => {
    expect(faultsOf({ query: 'x{service="{{service}}",shop != "{{args.shop}}"}' })).toEqual([]);
  });

  it.each([
    ['a type that is none', { args: { shop: { type: 'regex' } } }, 'label, number or duration'],
    ['a unit that is none', { unit: 'seconds' }, 'ratio, ms or count'],
    ['a side that is none', { breach: 'beside' }, 'above or below'],
    [
      'an allowed value that could end a string',
      { args: { shop: { type: 'label', oneOf: ['a"b'] } } },
      'a label value',
    ],
    ['an unknown key', { url: 'http://elsewhere' }, 'write the keys of a template'],
    ['a query as long as a book', { query: `${query}${' '.repeat(4000)}` }, 'at most 4000'],
  ])('is refused with %s', (_what, over, says) => {
    expect(faultsOf(over).join('; ')).toContain(says);
  });

  it('has a name that a plan can write', () => {
    expect(CheckTemplates.safeParse({ 'Orders failed': orders }).success).toBe(false);
  });
});

describe('the guides', () => {
  const page = (name: string) => readFile(new URL(`../../docs/guides/${name}.md`, import.meta.url), 'utf8');
  const blocksOf = (text: string) =>
    [...text.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, block = '']) => block);

  it('show a template that canaryd accepts, and a plan that fits it', async () => {
    const [written = ''] = blocksOf(await page('configure')).filter((block) =>
      block.includes('checkTemplates'),
    );
    const templates = CheckTemplates.parse(
      z.looseObject({ checkTemplates: z.unknown() }).parse(parse(written)).checkTemplates,
    );
    const [plan = ''] = blocksOf(await page('write-a-plan')).filter((block) =>
      block.includes('metric: custom'),
    );
    const steps = [{ type: 'setWeight', weight: 5 }, { type: 'bake', duration: '5m' }, { type: 'promote' }];
    const { checks } = Plan.parse({ ...z.looseObject({}).parse(parse(plan)), steps });
    expect(Object.keys(templates)).toEqual(['orders-failed']);
    expect(templateFaults(checks, templates)).toEqual([]);
  });
});
