// The guest's program, as a listing: address, bytes, and behind the semicolon what GNU as makes them from (.code16, Intel
// syntax). test/examples/tiny-vmm.test.ts assembles it again and compares.

const listing = String.raw`
                            ; start:
  0000: 8c c8               ; mov ax, cs                    # strings lie in this ROM
  0002: 8e d8               ; mov ds, ax
  0004: bc 00 80            ; mov sp, 0x8000                # the stack lies in RAM: SS is 0
  0007: fc                  ; cld
  0008: ba f8 03            ; mov dx, 0x3f8                 # the serial port
  000b: be 5f 00            ; mov si, offset hello
  000e: b9 23 00            ; mov cx, 35
  0011: f3 6e               ; rep outsb                     # one exit for the whole string
  0013: b0 01               ; mov al, 1
  0015: e6 80               ; out 0x80, al                  # checkpoint 1

                            ; poll:
  0017: 36 8e 06 00 05      ; mov es, word ptr ss:[0x500]   # in RAM stands where the card is
  001c: 26 66 ff 06 04 00   ; inc dword ptr es:[4]          # counts polls, in the card's memory
  0022: 26 80 3e 00 00 00   ; cmp byte ptr es:[0], 0
  0028: 74 ed               ; je poll                       # until the card is ready
  002a: b0 02               ; mov al, 2
  002c: e6 80               ; out 0x80, al                  # checkpoint 2

  002e: b8 80 e0            ; mov ax, 0xe080                # address 0xe0800: within a page
  0031: e8 1a 00            ; call count
  0034: b0 03               ; mov al, 3
  0036: e6 80               ; out 0x80, al                  # checkpoint 3
  0038: b8 00 e1            ; mov ax, 0xe100                # address 0xe1000: where a page starts
  003b: e8 10 00            ; call count
  003e: b0 04               ; mov al, 4
  0040: e6 80               ; out 0x80, al                  # checkpoint 4

  0042: ba f8 03            ; mov dx, 0x3f8
  0045: be 82 00            ; mov si, offset bye
  0048: b9 13 00            ; mov cx, 19
  004b: f3 6e               ; rep outsb
  004d: f4                  ; hlt

                            ; count:
  004e: ba 00 c0            ; mov dx, 0xc000                # the small BAR's register takes a segment
  0051: ef                  ; out dx, ax
  0052: 8e c0               ; mov es, ax
  0054: b9 e8 03            ; mov cx, 1000
                            ; again:
  0057: 26 ff 06 00 00      ; inc word ptr es:[0]           # a read and a write
  005c: e2 f9               ; loop again
  005e: c3                  ; ret

                            ; hello:
  005f: 48 65 6c 6c 6f 21 20 49 20 61 6d 20 31 36 2d 62   ; .ascii "Hello! I am 16-b"
  006f: 69 74 20 63 6f 64 65 20 69 6e 20 61 20 52 4f 4d   ; .ascii "it code in a ROM"
  007f: 2e 0d 0a                                          ; .ascii ".\r\n"
                            ; bye:
  0082: 44 6f 6e 65 2e 20 47 6f 6f 64 20 6e 69 67 68 74   ; .ascii "Done. Good night"
  0092: 21 0d 0a                                          ; .ascii "!\r\n"
                            ; .org 0xfff0
                            ; reset:
  fff0: ea 00 00 00 f0      ; jmp 0xf000:0x0000
                            ; .org 0x10000
`;

/** Bytes of the ROM: a segment of real mode. */
export const romSize = 0x1_0000;

/** Where the guest looks up the segment of the card: a word in RAM. */
export const mailbox = 0x500;

/** How often the guest counts up in the small BAR, at each place. */
export const countsPerPlace = 1000;

/** What the guest prints. */
export const texts = {
  hello: 'Hello! I am 16-bit code in a ROM.\r\n',
  bye: 'Done. Good night!\r\n',
};

/** The lines of the listing, as what an assembler takes. */
export const assembly: string = [
  '.code16',
  '.intel_syntax noprefix',
  ...listing.split('\n').map((line) => line.split('; ')[1] ?? ''),
  '',
].join('\n');

/** What the ROM holds. The processor starts at its reset vector, 16 bytes before the end. */
export function romImage(): Uint8Array {
  const image = new Uint8Array(romSize);
  for (const [, address = '', bytes = ''] of listing.matchAll(/^ {2}(\w{4}): ([\w ]*?) +;/gm)) {
    image.set(Buffer.from(bytes.replaceAll(' ', ''), 'hex'), Number.parseInt(address, 16));
  }
  return image;
}
