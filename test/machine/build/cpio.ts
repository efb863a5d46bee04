// Archives as the kernel unpacks them into its first file system: cpio's "newc" format
// (Documentation/driver-api/early-userspace/buffer-format.rst). Writing them here takes no tool, and no root for device nodes.

/** A thing in an archive. Paths begin without a slash. */
export type CpioEntry =
  | {
      readonly kind: 'file';
      readonly path: string;
      readonly content: Uint8Array;
      readonly executable?: boolean;
    }
  | { readonly kind: 'folder'; readonly path: string }
  | { readonly kind: 'link'; readonly path: string; readonly target: string }
  | {
      readonly kind: 'device';
      readonly path: string;
      readonly major: number;
      readonly minor: number;
    };

/** Bits of st_mode, from stat(2). */
const mode = {
  folder: 0o040755,
  file: 0o100644,
  executable: 0o100755,
  link: 0o120777,
  device: 0o020600,
};

const trailer: CpioEntry = { kind: 'file', path: 'TRAILER!!!', content: new Uint8Array() };

/** The archive that holds `entries`, with the folders that they lie in. */
export function cpioArchive(entries: Iterable<CpioEntry>): Buffer {
  const parts: Uint8Array[] = [];
  let inode = 1;
  for (const entry of [...withFolders(entries), trailer]) {
    const content = contentOf(entry);
    const name = Buffer.from(`${entry.path}\0`);
    parts.push(
      padded(Buffer.concat([header(entry, inode++, name, content), name])),
      padded(content),
    );
  }
  return Buffer.concat(parts);
}

/** Each entry after the folders above it, none of which comes twice. */
function* withFolders(entries: Iterable<CpioEntry>): Generator<CpioEntry> {
  const folders = new Set<string>();
  for (const entry of entries) {
    for (const path of foldersAbove(entry.path)) {
      if (folders.has(path)) continue;
      folders.add(path);
      yield { kind: 'folder', path };
    }
    if (entry.kind === 'folder' && folders.has(entry.path)) continue;
    if (entry.kind === 'folder') folders.add(entry.path);
    yield entry;
  }
}

function foldersAbove(path: string): string[] {
  const names = path.split('/').slice(0, -1);
  return names.map((_, i) => names.slice(0, i + 1).join('/'));
}

function contentOf(entry: CpioEntry): Uint8Array {
  if (entry.kind === 'file') return entry.content;
  return entry.kind === 'link' ? Buffer.from(entry.target) : new Uint8Array();
}

function header(entry: CpioEntry, inode: number, name: Uint8Array, content: Uint8Array): Buffer {
  const [major, minor] = entry.kind === 'device' ? [entry.major, entry.minor] : [0, 0];
  const executable = entry.kind === 'file' && entry.executable === true;
  const [user, group, links, time, device, check] = [0, 0, 1, 0, 0, 0];
  const fields = [
    inode,
    mode[executable ? 'executable' : entry.kind],
    ...[user, group, links, time],
    content.length,
    ...[device, device],
    ...[major, minor],
    name.length,
    check,
  ];
  return Buffer.from(`070701${fields.map((it) => it.toString(16).padStart(8, '0')).join('')}`);
}

function padded(bytes: Uint8Array): Uint8Array {
  const rest = -bytes.length & 3;
  return rest === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(rest)]);
}
