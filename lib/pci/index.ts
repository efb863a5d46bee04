/**
 * PCI: buses, functions, configuration spaces and where BARs decode; devices of VFIO as functions; what of a host is in the way of
 * passing one through.
 *
 * @module flatview/pci
 */

export {
  AssignedBar,
  type AssignedBarOptions,
  type BarWindow,
  type UnmappedArea,
} from './assigned/assigned-bar.js';
export {
  AssignedPciDevice,
  type AssignedPciDeviceOptions,
  type AssignedPciDeviceState,
} from './assigned/assigned-pci-device.js';
export { type BarVerdictCode, BarVerdicts, barVerdictCodes } from './assigned/bar-verdicts.js';
export type { SlowPath, SlowPathKind } from './assigned/slow-path.js';
export type {
  BarBacking,
  BarIndex,
  BarLayout,
  BarPagePlan,
  BarPages,
  OffsetRange,
} from './bars/bar.js';
export {
  type BarDecode,
  type DecodeRules,
  decodeBar,
  type UndecodedReason,
  undecodedReasons,
} from './bars/bar-decode.js';
export {
  type BarPlacement,
  isSamePlan,
  planBarPages,
  type SlowPageCode,
  type SlowPages,
  slowPageCodes,
  slowPagesOf,
  unplacedPlan,
} from './bars/bar-page-policy.js';
export type { BarSpace } from './bars/bar-space.js';
export type { PciBar } from './bars/pci-bar.js';
export {
  type GuestMessage,
  type GuestMessageOptions,
  GuestMessages,
  type MessageSubject,
} from './bus/guest-messages.js';
export { addressText, type PciAddress, requesterId } from './bus/pci-address.js';
export { type FunctionState, PciBus, type PciBusOptions, type PciBusState } from './bus/pci-bus.js';
export type { PciDevice } from './bus/pci-device.js';
export { PciFunction, type PciFunctionHost, type PciFunctionOptions } from './bus/pci-function.js';
export {
  addCapability,
  addExtendedCapability,
  type Capability,
  capabilityId,
  findCapability,
} from './config/capabilities.js';
export { ConfigPorts } from './config/config-ports.js';
export { commandBit, configRegister, romEnable, statusBit } from './config/config-registers.js';
export { type ConfigSize, ConfigSpace, type RegisterRule } from './config/config-space.js';
export { type EcamOptions, ecam } from './config/ecam.js';
export { type FunctionIdentity, layHeader } from './config/function-header.js';
export { addMsix, type MsixCapability, type MsixPlace } from './config/msix-capability.js';
export {
  addPowerManagement,
  type PowerManagementOptions,
  type PowerState,
  powerStateAt,
} from './config/power-management.js';
export { addVendorCapability } from './config/vendor-capability.js';
export { type MsiMessage, Msix, type MsixHandler, type MsixState } from './msix/msix.js';
export type { MsixRelocation } from './msix/msix-relocation.js';
export { type ConfigMirror, configMirror } from './quirks/config-mirror.js';
export { type ConfigWindow, configWindow } from './quirks/config-window.js';
export { knownQuirks } from './quirks/known-quirks.js';
export {
  isMatch,
  type PciIdentity,
  type Quirk,
  type QuirkBar,
  type QuirkDevice,
  type QuirkMatch,
  type QuirkWindow,
} from './quirks/quirk.js';
export type { QuirkState } from './quirks/quirk-latches.js';
