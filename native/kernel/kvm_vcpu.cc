#include "kernel/kvm_vcpu.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <tuple>
#include <utility>

#include "kernel/host_memory.h"

namespace flatview::kernel::kvm {
namespace {

constexpr size_t kDirtyRingPage = 64;  // KVM_DIRTY_LOG_PAGE_OFFSET

// Keeps the guest out as long as it lives: the kernel lets ioctls of a vCPU wait until KVM_RUN
// returns, which may be never.
class PausedGuest {
 public:
  explicit PausedGuest(GuestGate& gate) : gate_(gate) {
    gate_.RequestPause();
    gate_.AwaitOut();
  }
  PausedGuest(const PausedGuest&) = delete;
  PausedGuest& operator=(const PausedGuest&) = delete;
  ~PausedGuest() { gate_.Resume(); }

 private:
  GuestGate& gate_;
};

}  // namespace

Vcpu::Vcpu(FileDescriptor fd, Mapping mapping)
    : fd_(std::move(fd)),
      mapping_(std::move(mapping)),
      gate_(std::make_unique<GuestGate>(&run_page().immediate_exit)) {}

std::variant<Vcpu, SystemError> Vcpu::Over(FileDescriptor fd, size_t mapping_bytes,
                                           size_t dirty_ring_bytes) {
  const size_t page = HostMemory::OrdinaryPageSize();
  const size_t ring_end = dirty_ring_bytes == 0 ? 0 : kDirtyRingPage * page + dirty_ring_bytes;
  auto reserved = Mapping::Reserve(std::max(mapping_bytes, ring_end), page);
  if (auto* error = std::get_if<SystemError>(&reserved)) return std::move(*error);
  Mapping mapping = std::move(*std::get_if<Mapping>(&reserved));
  if (auto error = mapping.Place(MAP_SHARED, fd.get())) return std::move(*error);
  // A child process would keep the VM alive.
  madvise(mapping.data(), mapping.length(), MADV_DONTFORK);
  return Vcpu(std::move(fd), std::move(mapping));
}

Failure Vcpu::Run(const Answerer& answerer) {
  if (!gate_->Enter()) return SystemError{kRun.name, "", ECANCELED};
  Failure failure;
  do {
    failure = AsFailure(Ioctl(fd_, kRun, uint64_t{0}, {}));
  } while (!failure && answerer && answerer(run_page()));
  gate_->Leave(failure && failure->number == EINTR);
  return failure;
}

Failure Vcpu::GetRegisters(RegisterSet set, std::span<std::byte> registers) {
  assert(registers.size() >= Bytes(set));
  const PausedGuest paused(*gate_);
  const Request& request = set == RegisterSet::kGeneral ? kGetRegs : kGetSregs;
  return AsFailure(Ioctl(fd_, request, registers.data(), {}));
}

Failure Vcpu::SetRegisters(RegisterSet set, std::span<std::byte> registers) {
  assert(registers.size() >= Bytes(set));
  const PausedGuest paused(*gate_);
  const Request& request = set == RegisterSet::kGeneral ? kSetRegs : kSetSregs;
  return AsFailure(Ioctl(fd_, request, registers.data(), {}));
}

std::variant<std::vector<std::byte>, SystemError> Vcpu::ReadStatistics() {
  const PausedGuest paused(*gate_);
  const NewDescriptor opened = AsDescriptor(Ioctl(fd_, kGetStatsFd, uint64_t{0}, {}));
  if (const auto* error = std::get_if<SystemError>(&opened)) return *error;
  const int fd = std::get_if<FileDescriptor>(&opened)->get();
  std::vector<std::byte> bytes;
  constexpr size_t kStep = 16384;
  for (;;) {
    const size_t start = bytes.size();
    bytes.resize(start + kStep);
    const ssize_t got = pread(fd, bytes.data() + start, kStep, static_cast<off_t>(start));
    if (got < 0) return SystemError::Last("pread", ToString({{"offset", start}}));
    bytes.resize(start + static_cast<size_t>(got));
    if (got == 0) return bytes;
  }
}

void Vcpu::Vacate() {
  // Should this fail, the old pages stay until the end: as safe, only dearer.
  std::ignore = mapping_.Place(MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, FileDescriptor::kNone);
  fd_ = FileDescriptor();
}

}  // namespace flatview::kernel::kvm
