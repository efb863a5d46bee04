import { FlatviewError } from '../errors.js';

/**
 * The number of a step that `text` is.
 *
 * @throws `ERR_INVALID_ARGUMENT`
 */
export function parseStep(text: string): number {
  if (/^[0-9]{1,15}$/.test(text)) return Number(text);
  throw new FlatviewError('ERR_INVALID_ARGUMENT', `"${text}" is not the number of a step`);
}

/**
 * The two steps that an option names.
 *
 * @throws `ERR_INVALID_ARGUMENT`
 */
export function parseSteps(option: string, texts: readonly string[]): [number, number] {
  const [from, to, ...more] = texts.map(parseStep);
  if (from !== undefined && to !== undefined && more.length === 0) return [from, to];
  throw new FlatviewError('ERR_INVALID_ARGUMENT', `${option} needs two steps: ${option} 3 7`);
}
