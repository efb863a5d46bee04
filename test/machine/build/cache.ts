import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** What takes long to make is kept here: `$FLATVIEW_CACHE`, or `~/.cache/flatview/machine`. */
export const cacheFolder =
  process.env['FLATVIEW_CACHE'] ?? path.join(os.homedir(), '.cache/flatview/machine');

/**
 * The folder of that name in the cache. Where it is missing, `make` fills one that takes this name only when it is whole: whoever
 * is interrupted, or does the same at the same time, leaves nothing half done.
 */
export function cachedFolder(name: string, make: (folder: string) => void): string {
  const folder = path.join(cacheFolder, name);
  if (existsSync(folder)) return folder;
  mkdirSync(path.dirname(folder), { recursive: true });
  const unfinished = mkdtempSync(`${folder}.unfinished-`);
  try {
    make(unfinished);
    if (!existsSync(folder)) renameSync(unfinished, folder);
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
  return folder;
}
