import { lastAddress } from '../address.js';
import { FlatviewError } from '../errors.js';

/**
 * Addresses are hexadecimal, as in everything that is printed; `0x` and `_` between digits may be there.
 *
 * @throws `ERR_ADDRESS_RANGE`
 */
export function parseAddress(text: string): bigint {
  const digits = /^(?:0x)?([0-9a-f]+(?:_[0-9a-f]+)*)$/i.exec(text)?.[1]?.replaceAll('_', '');
  const address = digits === undefined ? undefined : BigInt(`0x${digits}`);
  if (address !== undefined && address <= lastAddress) return address;
  throw new FlatviewError(
    'ERR_ADDRESS_RANGE',
    `"${text}" is not an address: up to 16 hexadecimal digits are expected`,
  );
}
