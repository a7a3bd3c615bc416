/** Characters; an object in etcd has 1.5 MB at most, so a longer line is no event. */
const longest = 8_000_000;

/**
 * The lines of a stream, in which Kubernetes writes one event each.
 * @throws when the stream breaks, ends within a line, or a line has no end
 */
export async function* eventLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > longest) throw new Error('a line of the stream is too long');
    yield* lines.filter((line) => line !== '');
  }
  if (rest + decoder.decode() !== '') throw new Error('the stream ended within a line');
}

/**
 * The whole body as text.
 * @throws when the stream breaks or has more than `mostBytes`
 */
export async function bodyText(chunks: AsyncIterable<Uint8Array>, mostBytes: number): Promise<string> {
  const kept: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.length;
    if (size > mostBytes) throw new Error('the body is too large');
    kept.push(chunk);
  }
  return Buffer.concat(kept).toString();
}
