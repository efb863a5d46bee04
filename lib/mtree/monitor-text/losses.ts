import type { Dump } from './dump.js';
import type { Notes } from './notes.js';
import type { TextRegion } from './text-region.js';
import type { TextTree } from './text-tree.js';

/** Notes what the monitor never prints, at the first line that it matters for. */
export function noteLosses(tree: TextTree, dump: Dump, notes: Notes): void {
  const { regions, tellsContainers } = tree;
  const printed = regions.filter(({ line }) => !line.hidden);
  const io = printed.filter(({ type, line }) => type === 'i/o' && !line.alias);
  if (!tellsContainers) {
    const containers = io.filter(({ kind }) => kind === 'container').length;
    note(io, 'container-or-io', (count) => {
      return `${count} regions are printed as i/o, which a container is too: ${containers} of them are taken for containers`;
    });
  }
  const windows = printed.filter(({ line, type }) => line.alias && type === 'ram');
  note(windows, 'readonly-alias', (count) => {
    return `${count} aliases show RAM, and may be read-only: all are taken to be writable`;
  });
  const small = printed.filter(({ size }) => size === 1n);
  note(small, 'size-0-or-1', (count) => {
    return `${count} regions are printed with one address, as those of size 0 are: all are taken to have size 1`;
  });
  if (!dump.showsDisabled) {
    note(printed, 'disabled-missing', () => {
      return 'no region is marked as disabled; without -D, those that are disabled are missing';
    });
  }

  function note(
    about: readonly TextRegion[],
    code: 'container-or-io' | 'readonly-alias' | 'size-0-or-1' | 'disabled-missing',
    message: (count: number) => string,
  ): void {
    const line = about.reduce(
      (first, region) => Math.min(first, region.line.line),
      Number.POSITIVE_INFINITY,
    );
    if (about.length > 0) notes.add(code, line, message(about.length));
  }
}
