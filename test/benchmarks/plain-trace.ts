// A trace played on the oracle's plain regions; the naive painter says what shows.

import type { Call } from '../../benchmarks/trace/trace.js';
import { type PaintedRange, paint, viewRoot } from '../oracle/painter.js';
import {
  addPlain,
  movePlain,
  type PlainRegion,
  plainRegion,
  removePlain,
} from '../oracle/plain-region.js';

export class PlainTrace {
  readonly #regions: PlainRegion[] = [];
  readonly #spaces: PlainRegion[] = [];

  /** Makes a call. Transactions play no part: what counts is what shows at the end. */
  play(call: Call): void {
    switch (call[0]) {
      case 'container':
      case 'io':
      case 'ram':
      case 'ram-device':
      case 'rom-device':
        this.#make(call[1], call[2], { terminates: call[0] !== 'container' });
        break;
      case 'alias': {
        const [, region, target, offset, size] = call;
        this.#make(region, size, { alias: { target: this.#region(target), offset } });
        break;
      }
      case 'space':
        this.#spaces[call[1]] = this.#region(call[2]);
        break;
      case 'add':
        addPlain(this.#region(call[1]), this.#region(call[2]), call[3], call[4]);
        break;
      case 'remove':
        removePlain(this.#region(call[2]));
        break;
      default:
        this.#set(call);
    }
  }

  /** What shows, as all players print it. */
  *viewLines(): Generator<string, void> {
    const roots = this.#spaces.map((root) => viewRoot(root));
    for (const [space, root] of roots.entries()) {
      const same = roots.indexOf(root);
      if (same < space) {
        yield `space ${space} is space ${same}`;
        continue;
      }
      yield `space ${space}`;
      if (root !== undefined) yield* paint(root).map(rangeLine);
    }
  }

  #make(number: number, size: bigint, given: Parameters<typeof plainRegion>[2]): void {
    this.#regions[number] = plainRegion(String(number), size, given);
  }

  #set(call: Call): void {
    switch (call[0]) {
      case 'address':
        movePlain(this.#region(call[1]), call[2]);
        break;
      case 'size':
        this.#region(call[1]).size = call[2];
        break;
      case 'offset':
        this.#window(call[1]).offset = call[2];
        break;
      case 'enabled':
      case 'readonly':
      case 'nonvolatile':
      case 'romd':
        this.#region(call[1])[call[0]] = call[2] !== 0;
        break;
    }
  }

  #region(number: number): PlainRegion {
    return this.#regions[number]!;
  }

  #window(number: number): NonNullable<PlainRegion['alias']> {
    return this.#region(number).alias!;
  }
}

function rangeLine({ first, last, region, offset, readonly, nonvolatile }: PaintedRange): string {
  const place = `${hex(first)}-${hex(last)} ${region.name} ${hex(offset)}`;
  return `${place}${readonly ? ' readonly' : ''}${nonvolatile ? ' nonvolatile' : ''}`;
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}
