/**
 * What a listener that maps memory has made of an address: whether a guest or a device reaches it there by itself,
 * and if not, why not.
 */
export interface ConsumerVerdict {
  /** Whether it is mapped; else each access there comes to this process, or fails. */
  readonly mapped: boolean;
  /** `mapped`, or the stable code of a reason. */
  readonly code: string;
  /** As what it is mapped or why it is not, for people. */
  readonly text: string;
  /** The addresses around it of which the same is true: the first one. */
  readonly first: bigint;
  /** The last one. */
  readonly last: bigint;
}
