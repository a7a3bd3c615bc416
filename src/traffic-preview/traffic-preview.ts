import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { wrapped } from '../cli/terminal.ts';
import { codeOf } from '../errors.ts';
import type { TrafficPreviewOptions } from './options.ts';
import { previewTarget, type Refusal } from './preview-target.ts';
import { notesOn, printed } from './print.ts';

/** What the program has of the outside. */
export type Surroundings = {
  out: (text: string) => void;
  err: (text: string) => void;
  stdin: NodeJS.ReadableStream;
};

/** What the program ends with; the same numbers as in the command line client. */
const ends = { done: 0, usage: 2, invalid: 6 } as const;
type End = (typeof ends)[keyof typeof ends];

/**
 * Prints what canaryd would make of a VirtualService in a file, by the code of a rollout's own write; asks nobody.
 * @returns the exit code
 */
export async function trafficPreview(options: TrafficPreviewOptions, around: Surroundings): Promise<End> {
  const target = await textOf(options.target, around);
  const virtualService = await textOf(options.virtualService, around);
  if (target.text === null || virtualService.text === null) {
    const lost = target.text === null ? target : virtualService;
    return misused(around, `${lost.file} cannot be read: ${lost.why}; see that the path is right`);
  }
  const texts = {
    target: { ...target, text: target.text },
    virtualService: { ...virtualService, text: virtualService.text },
  };
  const made = previewTarget(options, texts);
  if (made.kind === 'refused') return refuse(options, made.refusal, around);
  if (options.output === 'patch' && made.objects.length > 1) {
    return misused(
      around,
      '-o patch prints one patch, and the target has several VirtualServices: use -o json',
    );
  }
  around.out(printed(options, made.objects));
  for (const note of notesOn(made)) around.err(paragraph(note));
  return ends.done;
}

function misused({ err }: Surroundings, why: string): End {
  err(paragraph(`canaryd: ${why}`));
  return ends.usage;
}

/** A file with the name that people see; the text is null when it cannot be read. */
type Read = { file: string } & ({ text: string; why: null } | { text: null; why: string });

async function textOf(path: string, { stdin }: Surroundings): Promise<Read> {
  // One line, and nothing that moves the cursor of a terminal.
  const file = path === '-' ? 'the standard input' : path.replaceAll(/\p{Cc}/gu, '?');
  try {
    return { file, text: path === '-' ? await text(stdin) : await readFile(path, 'utf8'), why: null };
  } catch (error) {
    return { file, text: null, why: codeOf(error) ?? 'unknown reason' };
  }
}

function refuse({ output }: TrafficPreviewOptions, refusal: Refusal, { out, err }: Surroundings): End {
  if (output === 'json') out(`${JSON.stringify({ refusal }, null, 2)}\n`);
  err(paragraph(`canaryd: refused: ${refusal.path}: ${refusal.message}`));
  return ends.invalid;
}

function paragraph(words: string): string {
  return `${wrapped(words, 2)}\n`;
}
