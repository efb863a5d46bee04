import type { JsonValue } from '../json-value.js';
import { highestId, readRegion } from '../read-topology-json.js';
import type {
  AttributeChange,
  PlacedRegion,
  RecordedEdits,
  RecordedSpace,
} from './recorded-step.js';

/**
 * Reads what one commit changed from its line.
 *
 * @throws `ERR_MALFORMED_INPUT` that names the place in the line.
 */
export function readEdits(line: JsonValue): RecordedEdits {
  const list = <T>(name: string, read: (element: JsonValue) => T): T[] =>
    line.optional(name)?.elements().map(read) ?? [];
  return {
    made: list('made', (region) => readRegion(region)),
    taken: list('take', readId),
    changed: list('set', readChange),
    placed: list('place', readPlacement),
    spacesGone: list('spaces_gone', readId),
    destroyed: list('gone', readId),
    spacesMade: list('spaces', readSpace),
  };
}

function readId(value: JsonValue): number {
  return value.integer(0, highestId);
}

function readPriority(value: JsonValue): number {
  return value.integer(-(2 ** 31), 2 ** 31 - 1);
}

function readChange(value: JsonValue): AttributeChange {
  return {
    region: readId(value.member('id')),
    address: value.optional('addr')?.address(),
    priority: value.optional('priority') && readPriority(value.member('priority')),
    size: value.optional('size')?.size(),
    offset: value.optional('offset')?.address(),
    enabled: value.optional('enabled')?.boolean(),
    readonly: value.optional('readonly')?.boolean(),
    nonvolatile: value.optional('nonvolatile')?.boolean(),
    romd: value.optional('romd')?.boolean(),
    unmergeable: value.optional('unmergeable')?.boolean(),
    dirtyLogMask: value.optional('dirty_log_mask')?.integer(0, 7),
  };
}

function readPlacement(value: JsonValue): PlacedRegion {
  const [region, parent, address, priority] = value.elements();
  if (!region || !parent || !address) value.fail('is not [region, parent, address, priority]');
  return {
    region: readId(region),
    parent: readId(parent),
    address: address.address(),
    priority: priority === undefined ? 0 : readPriority(priority),
  };
}

function readSpace(value: JsonValue): RecordedSpace {
  const [space, name, root] = value.elements();
  if (!space || !name || !root) value.fail('is not [number, name, root]');
  return { space: readId(space), name: name.string(), root: readId(root) };
}
