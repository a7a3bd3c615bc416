import { readText } from './read-text.ts';
import type { Fault } from './rules.ts';
import { DatabaseUrl, type Path, RedisUrl } from './settings.ts';

type UrlFile = { path: Path; file: string };

/**
 * Reads a URL from the file that holds it, as secrets are mounted.
 * @returns the URL, or what is wrong with the file
 */
export async function urlFrom({ path, file }: UrlFile): Promise<{ url: string } | Fault> {
  const read = await readText(file);
  if (read.kind === 'unreadable') return { path, says: `cannot be read: ${read.why}` };
  const schema = path[0] === 'redisUrlFile' ? RedisUrl : DatabaseUrl;
  const parsed = schema.safeParse(read.text.trim());
  if (parsed.success) return { url: parsed.data };
  return { path, says: `names a file with something else: ${parsed.error.issues[0]?.message ?? ''}` };
}
