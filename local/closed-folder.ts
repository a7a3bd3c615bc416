import { realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * The outermost folder above a file that a user may not enter, by its permission bits; null when all are open. Links
 * are followed.
 */
export async function closedFolder(path: string, user: { uid: number; gid: number }): Promise<string | null> {
  for (const folder of foldersAbove(await realpath(path))) {
    const { mode, uid, gid } = await stat(folder);
    if ((mode & bitToEnter({ isOwner: uid === user.uid, isInGroup: gid === user.gid })) === 0) return folder;
  }
  return null;
}

/** From the root down. */
function foldersAbove(path: string): string[] {
  const above = dirname(path);
  return above === path ? [] : [...foldersAbove(above), above];
}

function bitToEnter({ isOwner, isInGroup }: { isOwner: boolean; isInGroup: boolean }): number {
  if (isOwner) return 0o100;
  return isInGroup ? 0o010 : 0o001;
}
