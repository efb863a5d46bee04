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
} from './assigned-bar.js';
export {
  AssignedPciDevice,
  type AssignedPciDeviceOptions,
  type AssignedPciDeviceState,
} from './assigned-pci-device.js';
export type {
  BarBacking,
  BarIndex,
  BarLayout,
  BarPagePlan,
  BarPages,
  OffsetRange,
} from './bar.js';
export {
  type BarDecode,
  type DecodeRules,
  decodeBar,
  type UndecodedReason,
  undecodedReasons,
} from './bar-decode.js';
export {
  type BarPlacement,
  isSamePlan,
  planBarPages,
  type SlowPageCode,
  type SlowPages,
  slowPageCodes,
  slowPagesOf,
  unplacedPlan,
} from './bar-page-policy.js';
export type { BarSpace } from './bar-space.js';
export { type BarVerdictCode, BarVerdicts, barVerdictCodes } from './bar-verdicts.js';
export {
  addCapability,
  addExtendedCapability,
  type Capability,
  capabilityId,
  findCapability,
} from './capabilities.js';
export { ConfigPorts } from './config-ports.js';
export { commandBit, configRegister, romEnable, statusBit } from './config-registers.js';
export { type ConfigSize, ConfigSpace, type RegisterRule } from './config-space.js';
export { type EcamOptions, ecam } from './ecam.js';
export { type FunctionIdentity, layHeader } from './function-header.js';
export {
  type GuestMessage,
  type GuestMessageOptions,
  GuestMessages,
  type MessageSubject,
} from './guest-messages.js';
export { type MsiMessage, Msix, type MsixHandler, type MsixState } from './msix.js';
export { addMsix, type MsixCapability, type MsixPlace } from './msix-capability.js';
export type { BarPart, MsixLayout } from './msix-layout.js';
export type { MsixRelocation } from './msix-relocation.js';
export { addressText, type PciAddress, requesterId } from './pci-address.js';
export type { PciBar } from './pci-bar.js';
export { type FunctionState, PciBus, type PciBusOptions, type PciBusState } from './pci-bus.js';
export type { PciDevice } from './pci-device.js';
export { PciFunction, type PciFunctionHost, type PciFunctionOptions } from './pci-function.js';
export {
  addPowerManagement,
  type PowerManagementOptions,
  type PowerState,
  powerStateAt,
} from './power-management.js';
export {
  isMatch,
  type PciIdentity,
  type Quirk,
  type QuirkBar,
  type QuirkDevice,
  type QuirkMatch,
  type QuirkWindow,
} from './quirk.js';
export { type ConfigMirror, configMirror } from './quirks/config-mirror.js';
export { type ConfigWindow, configWindow } from './quirks/config-window.js';
export { knownQuirks } from './quirks/known-quirks.js';
export type { SlowPath, SlowPathKind } from './slow-path.js';
export { addVendorCapability } from './vendor-capability.js';
