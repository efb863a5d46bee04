/** Major and minor number of a kernel's release, such as `6.12.117+deb12-cloud-amd64`. */
export interface KernelRelease {
  readonly text: string;
  readonly major: number;
  readonly minor: number;
}

export function parseKernelRelease(text: string): KernelRelease | undefined {
  const [, major, minor] = /^(\d{1,4})\.(\d{1,4})/.exec(text) ?? [];
  if (major === undefined || minor === undefined) return undefined;
  return { text, major: Number(major), minor: Number(minor) };
}

/** Whether a kernel is of the given release or a later one. What isn't known is taken for a kernel of today. */
export function isAtLeast(
  release: KernelRelease | undefined,
  major: number,
  minor: number,
): boolean {
  if (release === undefined) return true;
  return release.major > major || (release.major === major && release.minor >= minor);
}
