import { FlatviewError } from '../errors.js';
import type { AddressSpace } from '../memory/address-space.js';

/**
 * Those of the name; without one, "memory" or the first. Of those that show the same only one is of interest.
 *
 * @throws `ERR_INVALID_ARGUMENT` if there is none of the name
 */
export function chooseSpaces(
  spaces: readonly AddressSpace[],
  name: string | undefined,
): AddressSpace[] {
  const standard = spaces.find((space) => space.name === 'memory') ?? spaces[0];
  const chosen = spaces.filter((space) =>
    name === undefined ? space === standard : space.name === name,
  );
  if (chosen.length === 0) {
    const names = [...new Set(spaces.map((space) => space.name))].slice(0, 20).join(', ');
    throw new FlatviewError(
      'ERR_INVALID_ARGUMENT',
      `there is no address space "${name ?? 'memory'}", but: ${names || 'none at all'}`,
    );
  }
  return [...new Map(chosen.toReversed().map((space) => [space.root, space])).values()].reverse();
}
