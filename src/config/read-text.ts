import { readFile } from 'node:fs/promises';

export type TextRead = { kind: 'text'; text: string } | { kind: 'unreadable'; why: string };

/** Reads a small text file. `why` is the code of the failure, because the message would name the path again. */
export async function readText(path: string): Promise<TextRead> {
  try {
    return { kind: 'text', text: await readFile(path, 'utf8') };
  } catch (error) {
    const hasCode = error instanceof Error && 'code' in error && typeof error.code === 'string';
    return { kind: 'unreadable', why: hasCode ? String(error.code) : 'unknown fault' };
  }
}
