import { z } from 'zod';
import { type Placeholder, readTemplate, type TemplatePart } from './template-query.ts';

const nameError = 'a template is named by 1 to 63 of a-z, 0-9 and "-", a letter or digit first and last';
const argError = 'an argument is named by a letter and up to 39 letters, digits and "_"';
const boundError = 'write a number';
const secondsError = 'write seconds as a number from 1 to 604800';
const labelValueError = 'a label value has 1 to 63 of A-Z, a-z, 0-9, "_", "." and "-"';

const LabelArg = z.strictObject({
  type: z.literal('label'),
  oneOf: z
    .array(z.string().regex(/^[A-Za-z0-9_.-]{1,63}$/, { error: labelValueError }))
    .min(1, { error: 'name at least one value, or leave oneOf out' })
    .optional(),
});

const NumberArg = z.strictObject({
  type: z.literal('number'),
  min: z.number({ error: boundError }).optional(),
  max: z.number({ error: boundError }).optional(),
});

const Bound = z
  .number({ error: secondsError })
  .min(1, { error: secondsError })
  .max(604_800, { error: secondsError });
const DurationArg = z.strictObject({
  type: z.literal('duration'),
  min: Bound.default(1),
  max: Bound.default(604_800),
});

const Arg = z.discriminatedUnion('type', [LabelArg, NumberArg, DurationArg], {
  error: 'write type: label, number or duration',
});

const Template = z
  .strictObject(
    {
      provider: z.string({ error: 'write the name of a provider, such as prometheus' }).default('prometheus'),
      query: z
        .string({ error: 'write a query' })
        .min(1, { error: 'write a query' })
        .max(4000, { error: 'a query has at most 4000 characters' }),
      args: z.record(z.string().regex(/^[A-Za-z][A-Za-z0-9_]{0,39}$/, { error: argError }), Arg).default({}),
      unit: z.enum(['ratio', 'ms', 'count'], { error: 'write ratio, ms or count' }),
      breach: z.enum(['above', 'below'], { error: 'write above or below' }),
    },
    { error: 'write the keys of a template: query, unit and breach' },
  )
  .superRefine((template, context) => {
    for (const message of queryFaults(template))
      context.addIssue({ code: 'custom', path: ['query'], message });
  })
  .transform(({ query, ...template }) => ({ ...template, query: partsOf(query) }));

/** Templates of custom checks by name, as operators approve them. */
export const CheckTemplates = z
  .record(z.string().regex(/^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/, { error: nameError }), Template, {
    error: 'write templates by name',
  })
  .prefault({});

/** What names the canary or stable, by one of which their numbers differ, and what both share. */
const armNames = ['service', 'version'];
const texts = ['namespace', ...armNames];

type Queried = { query: string; args: Record<string, z.output<typeof Arg>> };

function queryFaults({ query, args }: Queried): string[] {
  const read = readTemplate(query);
  if (read.kind === 'faulty') return [read.says];
  const placeholders = read.parts.filter(isPlaceholder);
  const used = new Set(placeholders.map(({ name }) => name));
  const unused = Object.keys(args).filter((name) => !used.has(`args.${name}`));
  return [
    ...new Set(placeholders.flatMap((one) => placeholderFault(one, args))),
    ...unused.map((name) => `does not use the argument ${name}`),
    ...(armNames.some((name) => used.has(name))
      ? []
      : ['is the same for canary and stable: select by {{version}} or {{service}}']),
  ];
}

function partsOf(query: string): TemplatePart[] {
  const read = readTemplate(query);
  return read.kind === 'parts' ? read.parts : [];
}

function isPlaceholder(part: TemplatePart): part is Placeholder {
  return part.kind === 'placeholder';
}

function placeholderFault({ name, quotedAfter }: Placeholder, args: Queried['args']): string[] {
  const type = typeOf(name, args);
  if (type === null) {
    const known = [...texts, 'window', ...Object.keys(args).map((arg) => `args.${arg}`)];
    return [`has an unknown placeholder: the known ones are ${known.map((one) => `{{${one}}}`).join(', ')}`];
  }
  if (type !== 'label') {
    return quotedAfter === null ? [] : [`has {{${name}}} in quotes: it is no text, so write it without them`];
  }
  if (quotedAfter === null) return [`has {{${name}}} outside of quotes: write it as label="{{${name}}}"`];
  // In a regular expression a dot would stand for any character.
  if (/[^=~]=$/.test(quotedAfter)) return [];
  return [`has {{${name}}} where no label is compared with = or !=: write it as label="{{${name}}}"`];
}

function typeOf(name: string, args: Queried['args']): 'label' | 'number' | 'duration' | null {
  if (texts.includes(name)) return 'label';
  if (name === 'window') return 'duration';
  const [prefix, arg = '', ...more] = name.split('.');
  if (prefix !== 'args' || more.length > 0 || !Object.hasOwn(args, arg)) return null;
  return args[arg]?.type ?? null;
}
