import {
  anyInTheWay,
  type HostRoots,
  isBridge,
  type PreflightReport,
  preflight,
  thisHost,
} from '../pci/host/index.js';
import { parseByteSize } from './byte-size.js';
import { preflightJson } from './preflight-json.js';
import { deviceLines, summaryLines } from './preflight-text.js';
import { exitCode, type Session } from './session.js';

/** Options of `flatview preflight`. */
export interface PreflightOptions {
  readonly json?: boolean;
  readonly sysfs?: string;
  readonly proc?: string;
  readonly dev?: string;
  readonly pageSize?: string;
  readonly memory?: string;
}

/**
 * Says whether the host's PCI devices can be given to a guest, and what is in the way. The answer is no where something
 * is in the way of a device that was asked for, or of any device but bridges.
 */
export async function checkPassthrough(
  session: Session,
  address: string | undefined,
  options: PreflightOptions,
): Promise<number> {
  const { pageSize, memory } = options;
  const report = preflight({
    roots: rootsOf(options),
    ...(address !== undefined && { address }),
    ...(pageSize !== undefined && { pageSize: parseByteSize(pageSize) }),
    ...(memory !== undefined && { guestMemory: parseByteSize(memory) }),
  });
  await session.err.print(report.problems.map(({ path, reason }) => `note: ${path} ${reason}`));
  if (options.json) await session.printJson(preflightJson(report));
  else await session.out.print(address === undefined ? summaryLines(report) : deviceLines(report));
  return isClear(report, address !== undefined) ? exitCode.ok : exitCode.no;
}

/** What is read beside another machine's sysfs is another machine's, too: this one's would only mislead. */
function rootsOf({ sysfs, proc, dev }: PreflightOptions): HostRoots {
  const base = sysfs === undefined ? thisHost : { sys: sysfs };
  return { ...base, ...(proc !== undefined && { proc }), ...(dev !== undefined && { dev }) };
}

function isClear({ host, devices }: PreflightReport, askedFor: boolean): boolean {
  if (anyInTheWay(host.obstacles)) return false;
  return devices
    .filter(({ device }) => askedFor || !isBridge(device))
    .every(({ obstacles }) => !anyInTheWay(obstacles));
}
