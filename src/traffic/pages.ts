import type { MeshFailure } from '../rollout/ports/mesh.ts';

/** A part of a list; `next` asks for the part behind it, and is null on the last one. */
export type Page<Item> = { items: Item[]; next: string | null };

type PageRead<Item> = { kind: 'found'; value: Page<Item> } | { kind: 'missing' } | MeshFailure;

/**
 * Reads all pages of a list, one at a time, so that no cluster is too large for the memory.
 *
 * @param read asks for the page that `after` names, null for the first one
 * @param take gets the items of each page
 * @returns null when all were read, otherwise the answer that ended the reading; what was taken before it stays taken
 */
export async function takePages<Item>(
  read: (after: string | null) => Promise<PageRead<Item>>,
  take: (items: Item[]) => void,
): Promise<Exclude<PageRead<Item>, { kind: 'found' }> | null> {
  let after: string | null = null;
  do {
    const page: PageRead<Item> = await read(after);
    if (page.kind !== 'found') return page;
    take(page.value.items);
    after = page.value.next;
  } while (after !== null);
  return null;
}
