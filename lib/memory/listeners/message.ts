import type { IoEventFd } from '../regions/ioeventfd.js';
import type { MemoryRegionSection } from '../views/section.js';
import type { MemoryListener } from './memory-listener.js';

/** Something that listeners are told: which callback is called, and with what. */
export type Message = {
  /** Those who are told, one after the other. */
  readonly audience: readonly MemoryListener[];
} & (
  | { readonly callback: 'begin' | 'commit' | 'logGlobalStart' | 'logGlobalStop' }
  | ({ readonly section: MemoryRegionSection } & (
      | { readonly callback: 'regionAdd' | 'regionDel' | 'regionNop' | 'logSync' | 'logClear' }
      | {
          readonly callback: 'logStart' | 'logStop';
          readonly oldMask: number;
          readonly newMask: number;
        }
      | { readonly callback: 'eventfdAdd' | 'eventfdDel'; readonly ioeventfd: IoEventFd }
      | {
          readonly callback: 'coalescedIoAdd' | 'coalescedIoDel';
          readonly address: bigint;
          readonly size: bigint;
        }
    ))
);

/** Calls the callback of `listener`, if it has it. Calls by name would take three times as long. */
export function tell(listener: MemoryListener, message: Message): void {
  switch (message.callback) {
    case 'begin':
      listener.begin?.();
      break;
    case 'regionDel':
      listener.regionDel?.(message.section);
      break;
    case 'regionAdd':
      listener.regionAdd?.(message.section);
      break;
    case 'commit':
      listener.commit?.();
      break;
    case 'regionNop':
      listener.regionNop?.(message.section);
      break;
    case 'logStart':
      listener.logStart?.(message.section, message.oldMask, message.newMask);
      break;
    case 'logStop':
      listener.logStop?.(message.section, message.oldMask, message.newMask);
      break;
    case 'logSync':
      listener.logSync?.(message.section);
      break;
    case 'logClear':
      listener.logClear?.(message.section);
      break;
    case 'logGlobalStart':
      listener.logGlobalStart?.();
      break;
    case 'logGlobalStop':
      listener.logGlobalStop?.();
      break;
    case 'eventfdAdd':
      listener.eventfdAdd?.(message.section, message.ioeventfd);
      break;
    case 'eventfdDel':
      listener.eventfdDel?.(message.section, message.ioeventfd);
      break;
    case 'coalescedIoAdd':
      listener.coalescedIoAdd?.(message.section, message.address, message.size);
      break;
    case 'coalescedIoDel':
      listener.coalescedIoDel?.(message.section, message.address, message.size);
      break;
  }
}

/** What takes `message` back; `undefined` where there is nothing to take back. */
export function oppositeOf(message: Message): Message | undefined {
  switch (message.callback) {
    case 'regionAdd':
      return { ...message, callback: 'regionDel' };
    case 'regionDel':
      return { ...message, callback: 'regionAdd' };
    case 'logStart':
      return { ...message, callback: 'logStop', ...swappedMasks(message) };
    case 'logStop':
      return { ...message, callback: 'logStart', ...swappedMasks(message) };
    case 'logGlobalStart':
      return { ...message, callback: 'logGlobalStop' };
    case 'logGlobalStop':
      return { ...message, callback: 'logGlobalStart' };
    case 'eventfdAdd':
      return { ...message, callback: 'eventfdDel' };
    case 'eventfdDel':
      return { ...message, callback: 'eventfdAdd' };
    case 'coalescedIoAdd':
      return { ...message, callback: 'coalescedIoDel' };
    case 'coalescedIoDel':
      return { ...message, callback: 'coalescedIoAdd' };
    default:
      return undefined;
  }
}

interface Masks {
  readonly oldMask: number;
  readonly newMask: number;
}

function swappedMasks({ oldMask, newMask }: Masks): Masks {
  return { oldMask: newMask, newMask: oldMask };
}
