// A stand-in for the C library that the shipped addons are linked with. It has those functions, and those versions of
// them, that glibc has had since 2.28 (Node.js itself needs that) and musl has too: what is linked with it loads on
// both, and what uses anything else is not linked at all. It holds names only; the real library comes when it loads.
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/**
 * The version of glibc whose symbol version each name has on x64. On arm64 glibc begins with 2.17, which is the version
 * of all that is older. A comment stands where musl needs a second look.
 */
const symbols = {
  '2.2.5': [
    ...['abort', 'free', 'malloc', 'realloc', '__cxa_atexit', '__cxa_finalize', '__errno_location'],
    ...['memchr', 'memcmp', 'memmove', 'memset', 'strchr', 'strcmp', 'strlen', 'strncmp'],
    ...['fputc', 'fputs', 'fwrite', 'gettext', 'sprintf', 'stderr', 'strerror'],
    ...['close', 'fcntl', 'ftruncate', 'ioctl', 'open', 'poll', 'pread', 'pwrite', 'read', 'write'],
    ...['madvise', 'mmap', 'msync', 'munmap', 'syscall', 'sysconf'],
    ...['pthread_create', 'pthread_join', 'pthread_kill', 'pthread_once', 'pthread_self'],
    ...['pthread_mutex_lock', 'pthread_mutex_unlock', 'pthread_sigmask'],
    ...['pthread_rwlock_rdlock', 'pthread_rwlock_unlock', 'pthread_rwlock_wrlock'],
    ...['pthread_key_create', 'pthread_key_delete'],
    ...['pthread_getspecific', 'pthread_setspecific'],
    ...['nanosleep', 'sched_yield', 'sigaction', 'sigdelset', 'sigemptyset', 'sigfillset'],
    '__libc_current_sigrtmin', // SIGRTMIN of both
    'dl_iterate_phdr',
  ],
  2.3: ['__tls_get_addr'], // of glibc's dynamic linker, which needs no naming as it is always there
  '2.3.2': [
    ...['pthread_cond_broadcast', 'pthread_cond_destroy', 'pthread_cond_signal'],
    'pthread_cond_wait',
  ],
  2.7: ['eventfd'],
  '2.10': ['fallocate'],
  2.14: ['memcpy'],
  2.16: ['aligned_alloc', 'getauxval'],
  2.17: ['clock_gettime'],
  2.25: ['getentropy'],
  2.27: ['memfd_create'],
};

const objects = new Set(['stderr']);
const oldestVersion = { x64: '2.2.5', arm64: '2.17' };

/** Builds libc.so.6 for `arch` (`x64` or `arm64`) into `folder`, by that architecture's compiler. */
export function makePortableLibc(arch, compiler, folder) {
  mkdirSync(folder, { recursive: true });
  const assembly = path.join(folder, 'libc.s');
  const versions = path.join(folder, 'libc.map');
  writeFileSync(assembly, Object.values(symbols).flat().map(define).join(''));
  writeFileSync(versions, versionScript(oldestVersion[arch]));
  const linker = ['-Wl,-soname,libc.so.6', `-Wl,--version-script=${versions}`];
  const output = path.join(folder, 'libc.so.6');
  const args = ['-shared', '-nostdlib', ...linker, '-o', output, assembly];
  const { status } = spawnSync(compiler, args, { stdio: 'inherit' });
  if (status !== 0) throw new Error(`${compiler} could not build ${output}`);
}

function define(name) {
  const [section, type] = objects.has(name) ? ['.data', 'object'] : ['.text', 'function'];
  return `${section}\n.globl ${name}\n.type ${name},%${type}\n.size ${name},8\n${name}: .zero 8\n`;
}

/** One node for each version; those before `oldest` are of `oldest`. */
function versionScript(oldest) {
  const nodes = new Map();
  for (const [version, names] of Object.entries(symbols).sort(([a], [b]) => compare(a, b))) {
    const node = compare(version, oldest) < 0 ? oldest : version;
    nodes.set(node, [...(nodes.get(node) ?? []), ...names]);
  }
  return [...nodes]
    .map(([version, names]) => `GLIBC_${version} { global: ${names.join('; ')}; };\n`)
    .join('');
}

/** Orders versions of glibc: negative where `a` is older than `b`. */
export function compare(a, b) {
  const [left, right] = [a, b].map((version) => version.split('.').map(Number));
  for (let at = 0; at < Math.max(left.length, right.length); at++) {
    const difference = (left[at] ?? 0) - (right[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
