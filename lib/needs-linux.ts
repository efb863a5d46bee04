import { FlatviewError } from './errors.js';

/** The error of an attempt at `what` on another system than Linux. */
export function needsLinux(what: string): FlatviewError {
  const message = `${what} needs Linux, and this is ${process.platform}. What works here: topologies and all that reads them, PCI, and the simulated kernels of flatview/simulated (docs/install.md)`;
  return new FlatviewError('ERR_NEEDS_LINUX', message);
}
