/**
 * How many of `count` things come first, where they are in order: `isFirst` is true of those at the places up to there,
 * and false of all others. So it is the place of the first of the others.
 */
export function partitionPoint(count: number, isFirst: (place: number) => boolean): number {
  let [low, high] = [0, count];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isFirst(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}
