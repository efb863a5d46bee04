/**
 * The environment for a program that is not ours: a browser, a compiler, QEMU. What is preloaded for the sake of this process, such as a
 * sanitizer's runtime, is nothing to it.
 */
export function foreignEnvironment(): Record<string, string> {
  const entries = Object.entries(process.env).flatMap(([name, value]) =>
    value === undefined || name === 'LD_PRELOAD' ? [] : [[name, value] as const],
  );
  return Object.fromEntries(entries);
}
