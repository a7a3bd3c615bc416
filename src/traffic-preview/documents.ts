import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { fieldFaults } from '../api/field-faults.ts';
import { WrittenPlan } from '../rollout/plan.ts';
import { SoundTargetRequest } from '../rollout/sound-target.ts';
import type { TargetRequest } from '../rollout/target.ts';
import { misread, VirtualService } from '../traffic/virtual-service.ts';

/** A VirtualService of a file, as it is written there. */
export type GivenObject = {
  namespace: string;
  name: string;
  document: unknown;
  /** The same with what only an API server writes, as the mesh adapter reads it. */
  virtualService: VirtualService;
  /** False in a file that no API server has written: it has no resourceVersion. */
  hasVersion: boolean;
};

/** A text, and what the file that it comes from is called. */
export type File = { file: string; text: string };

/** A file that holds something else than it should: where, in words, and what to do about it. */
export type Unfit = { kind: 'unfit'; path: string; message: string };

/** A target, and the plan beside it: null where there is none, a text where it is one that is kept elsewhere. */
type Asked = { kind: 'target'; target: TargetRequest; plan: WrittenPlan | string | null };

/** Reads the target of a rollout: alone, or under the name `target` in the file of a rollout. YAML or JSON. */
export function targetIn({ file, text }: File): Asked | Unfit {
  const read = documentsIn({ file, text });
  if (!Array.isArray(read)) return read;
  const [first, second] = read;
  if (second !== undefined)
    return unfit(file, 'it holds several documents: one target is previewed at a time');
  const rollout = InRollout.safeParse(first).data;
  const target = partIn(SoundTargetRequest, 'target', { data: rollout?.target ?? first, file });
  if (target.kind === 'unfit') return target;
  const named = rollout?.plan ?? null;
  if (named === null || typeof named === 'string')
    return { kind: 'target', target: target.value, plan: named };
  const plan = partIn(WrittenPlan, 'plan', { data: named, file });
  return plan.kind === 'unfit' ? plan : { kind: 'target', target: target.value, plan: plan.value };
}

function partIn<Value>(
  schema: z.ZodType<Value>,
  name: string,
  { data, file }: { data: unknown; file: string },
): { kind: 'part'; value: Value } | Unfit {
  const parsed = schema.safeParse(data);
  if (parsed.success) return { kind: 'part', value: parsed.data };
  const [fault] = fieldFaults(parsed.error.issues, { schema, data });
  if (fault === undefined) return unfit(file, `it holds no ${name}`);
  return unfit(`${name}${fault.pointer.replaceAll('/', '.')}`, `${fault.detail} (${file})`);
}

/**
 * Reads the VirtualServices of a file: one, several, or a list as `kubectl get` writes it. One without a namespace is
 * taken to be in `namespace`. Objects of other kinds are passed over.
 */
export function virtualServicesIn({ file, text }: File, namespace: string): GivenObject[] | Unfit {
  const documents = documentsIn({ file, text });
  if (!Array.isArray(documents)) return documents;
  const objects = documents.flatMap((one) => List.safeParse(one).data?.items ?? [one]);
  const given: GivenObject[] = [];
  for (const document of objects.filter(isVirtualService)) {
    const read = VirtualService.safeParse(withStandIns(document, namespace));
    if (!read.success) {
      const { path, message } = misread(read.error, []).fault;
      return unfit(path, `${message} (${file})`);
    }
    const { metadata } = read.data;
    const hasVersion = Versioned.safeParse(document).success;
    given.push({
      namespace: metadata.namespace,
      name: metadata.name,
      document,
      virtualService: read.data,
      hasVersion,
    });
  }
  if (given.length > 0) return given;
  const kinds = [...new Set(objects.map((one) => Kind.safeParse(one).data?.kind ?? 'no kind'))].join(', ');
  return unfit(file, `it holds no VirtualService of networking.istio.io, but ${kinds || 'nothing'}`);
}

/** A document of a file with what only an API server writes; what is no object stays as it is. */
export function withStandIns(document: unknown, namespace: string): unknown {
  const read = Loose.safeParse(document);
  if (!read.success) return document;
  const { metadata, ...rest } = read.data;
  return { ...rest, metadata: { namespace, uid: 'none-yet', resourceVersion: 'none-yet', ...metadata } };
}

const InRollout = z.object({ target: z.looseObject({}), plan: z.unknown().optional() });
const Kind = z.looseObject({ kind: z.string() });
const List = z.looseObject({ kind: z.string().endsWith('List'), items: z.array(z.unknown()) });
const Istio = z.looseObject({
  kind: z.literal('VirtualService'),
  apiVersion: z.string().startsWith('networking.istio.io/'),
});
const Versioned = z.looseObject({ metadata: z.looseObject({ resourceVersion: z.string().min(1) }) });
const Loose = z.looseObject({ metadata: z.looseObject({}) });

function isVirtualService(document: unknown): boolean {
  return Istio.safeParse(document).success;
}

function documentsIn({ file, text }: File): unknown[] | Unfit {
  if (text.trim() === '') return unfit(file, 'it is empty');
  const documents = parseAllDocuments(text, { logLevel: 'silent' });
  if (!Array.isArray(documents)) return unfit(file, 'it is empty');
  const fault = documents.flatMap(({ errors }) => errors)[0];
  // What follows the first line of the message is a piece of the file.
  if (fault !== undefined) return unfit(file, `it is neither YAML nor JSON: ${fault.message.split('\n')[0]}`);
  try {
    const read = documents.map((document): unknown => document.toJS({ maxAliasCount: 100 }));
    return read.filter((one) => one !== null);
  } catch (error) {
    // An alias that leads nowhere, or too many of them.
    const why = error instanceof Error ? error.message : 'unknown reason';
    return unfit(file, `it cannot be read: ${why}`);
  }
}

function unfit(path: string, message: string): Unfit {
  return { kind: 'unfit', path, message };
}
