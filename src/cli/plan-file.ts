import { readFile } from 'node:fs/promises';
import { codeOf } from '../errors.ts';
import { printable } from './client.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import { complain, type Terminal } from './terminal.ts';

/** What a file holds, as a body; or the exit code of a command that cannot go on, and then the reason has been said. */
type FileRead =
  | { kind: 'read'; body: { text: string; media: 'application/json' | 'application/yaml' } }
  | { kind: 'failed'; exit: ExitCode };

/** Reads a plan or a rollout: JSON when the name ends in .json, else YAML. */
export async function readPlanFile(file: string, terminal: Terminal): Promise<FileRead> {
  const text = await textOf(file, terminal);
  if (text === null) return { kind: 'failed', exit: exitCodes.usage };
  if (text.trim() === '') {
    const make = 'canaryd plan init --virtual-service <namespace>/<name> --force';
    complain(terminal, `${printable(file)} is empty: write a plan, or make one with ${make}`);
    return { kind: 'failed', exit: exitCodes.invalid };
  }
  const media = file.toLowerCase().endsWith('.json') ? 'application/json' : 'application/yaml';
  return { kind: 'read', body: { text, media } };
}

async function textOf(file: string, terminal: Terminal): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const why = codeOf(error) ?? 'unknown reason';
    complain(terminal, `${printable(file)} cannot be read: ${why}.`, 'see that the path is right: ls');
    return null;
  }
}
