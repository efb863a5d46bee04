// Machine code that makes given accesses, one instruction each: for a guest in protected mode without paging, whose segments are flat.

/** An access that a guest makes. */
export type GuestAccess =
  | { readonly kind: 'read'; readonly address: bigint; readonly width: GuestWidth }
  | {
      readonly kind: 'write';
      readonly address: bigint;
      readonly width: GuestWidth;
      readonly value: number;
    }
  /** Reads four bytes until none of the bits of `mask`, of the lowest eight, is set. */
  | { readonly kind: 'await-clear'; readonly address: bigint; readonly mask: number }
  /** Reads four bytes at `address` again and again, until the lowest bit at `flag` is set. */
  | { readonly kind: 'poll'; readonly address: bigint; readonly flag: bigint };

/** Bytes of an access that one instruction makes. */
export type GuestWidth = 1 | 2 | 4;

export function read(address: bigint, width: GuestWidth): GuestAccess {
  return { kind: 'read', address, width };
}

export function write(address: bigint, width: GuestWidth, value: number): GuestAccess {
  return { kind: 'write', address, width, value };
}

/** The program: it puts what it reads at `results`, four bytes for each read, and halts. */
export function accessProgram(accesses: readonly GuestAccess[], results: bigint): number[] {
  let result = results;
  const code = accesses.flatMap((access) => {
    if (access.kind === 'read') {
      const instructions = [
        ...clearEax,
        ...moveFrom(access.address, access.width),
        ...moveTo(result, 4),
      ];
      result += 4n;
      return instructions;
    }
    if (access.kind === 'write') {
      return [movEaxImmediate, ...bytes(access.value), ...moveTo(access.address, access.width)];
    }
    const load = moveFrom(access.address, 4);
    return access.kind === 'poll'
      ? loop([...load, ...moveFrom(access.flag, 4), ...testAl, 1], jumpIfZero)
      : loop([...load, ...testAl, access.mask], jumpIfNotZero);
  });
  return [...code, halt];
}

// Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2.
const clearEax = [0x31, 0xc0];
const movEaxImmediate = 0xb8;
const testAl = [0xa8];
const jumpIfZero = 0x74;
const jumpIfNotZero = 0x75;
const halt = 0xf4;

/** AL, AX or EAX from an address. */
function moveFrom(address: bigint, width: GuestWidth): number[] {
  return [...prefixOf(width), width === 1 ? 0xa0 : 0xa1, ...bytes(Number(address))];
}

/** AL, AX or EAX to an address. */
function moveTo(address: bigint, width: GuestWidth): number[] {
  return [...prefixOf(width), width === 1 ? 0xa2 : 0xa3, ...bytes(Number(address))];
}

/** `body`, and back to its start by a jump of two bytes. */
function loop(body: readonly number[], jump: number): number[] {
  return [...body, jump, -(body.length + 2) & 0xff];
}

/** The prefix for operands of 16 bits. */
function prefixOf(width: GuestWidth): number[] {
  return width === 2 ? [0x66] : [];
}

/** 32 bits, as they lie in memory. */
function bytes(value: number): number[] {
  return [value, value >>> 8, value >>> 16, value >>> 24].map((byte) => byte & 0xff);
}
