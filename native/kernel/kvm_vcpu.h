#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <variant>
#include <vector>

#include "kernel/file_descriptor.h"
#include "kernel/guest_gate.h"
#include "kernel/ioctl.h"
#include "kernel/kvm_uapi.h"
#include "kernel/mapping.h"
#include "kernel/system_error.h"

namespace flatview::kernel::kvm {

// Which registers: x86-64's general ones, or those of segments and control.
enum class RegisterSet { kGeneral, kSpecial };

// A virtual processor, and the memory in which the kernel tells of its exits.
//
// Thread safety: one thread runs it; all else is anybody's, and keeps the guest out meanwhile.
class Vcpu {
 public:
  // Takes over a descriptor of KVM_CREATE_VCPU.
  [[nodiscard]] static std::variant<Vcpu, SystemError> Over(FileDescriptor fd, size_t mapping_bytes,
                                                            size_t dirty_ring_bytes);

  // struct kvm_run and what lies behind it: data of port accesses, the VM's ring of coalesced
  // writes, and from page 64 on the dirty ring, where there is one.
  std::span<std::byte> mapping() const { return {mapping_.data(), mapping_.length()}; }
  RunPage& run_page() const { return *reinterpret_cast<RunPage*>(mapping_.data()); }

  // Answers an exit on the spot, without coming out; false: it can't.
  using Answerer = std::function<bool(RunPage&)>;

  // Runs the guest until it exits, which run_page() tells of, or is called out: EINTR. Exits that
  // `answerer` answers, if there is one, are part of the run: who keeps the guest out waits for
  // them, too. ECANCELED when the gate is closed.
  [[nodiscard]] Failure Run(const Answerer& answerer);

  GuestGate& gate() { return *gate_; }

  static constexpr size_t Bytes(RegisterSet set) {
    return set == RegisterSet::kGeneral ? kGeneralRegistersBytes : kSpecialRegistersBytes;
  }
  // REQUIRES: `registers` has Bytes(set).
  [[nodiscard]] Failure GetRegisters(RegisterSet set, std::span<std::byte> registers);
  [[nodiscard]] Failure SetRegisters(RegisterSet set, std::span<std::byte> registers);

  // All of KVM_GET_STATS_FD's file: header, descriptors, values.
  [[nodiscard]] std::variant<std::vector<std::byte>, SystemError> ReadStatistics();

  // Gives the processor back to the kernel. The mapping's addresses stay taken until the end, and
  // read as zeros: JavaScript may hold views of them.
  //
  // REQUIRES: the gate is closed, and nobody runs it.
  void Vacate();

 private:
  Vcpu(FileDescriptor fd, Mapping mapping);

  FileDescriptor fd_;
  Mapping mapping_;
  std::unique_ptr<GuestGate> gate_;
};

}  // namespace flatview::kernel::kvm
