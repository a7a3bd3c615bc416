import { readFile } from 'node:fs/promises';
import { codeOf } from '../errors.ts';

export type TextRead = { kind: 'text'; text: string } | { kind: 'unreadable'; why: string };

/** Reads a small text file. `why` is the code of the failure, because the message would name the path again. */
export async function readText(path: string): Promise<TextRead> {
  try {
    return { kind: 'text', text: await readFile(path, 'utf8') };
  } catch (error) {
    return { kind: 'unreadable', why: codeOf(error) ?? 'unknown reason' };
  }
}
