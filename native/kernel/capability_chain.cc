#include "kernel/capability_chain.h"

#include <algorithm>
#include <cassert>
#include <cerrno>

#include "kernel/vfio_uapi.h"

namespace flatview::kernel::vfio {

std::optional<CapabilityChain> CapabilityChain::Read(Bytes answer, uint32_t first) {
  // Headers that don't overlap; a longer chain passes one twice.
  const size_t most = answer.size() / sizeof(CapabilityHeader);
  CapabilityChain chain;
  for (uint32_t offset = first; offset != 0;) {
    const auto header = ReadAt<CapabilityHeader>(answer, offset);
    if (!header || chain.capabilities_.size() == most) return std::nullopt;
    chain.capabilities_.push_back({header->id, answer.subspan(offset)});
    offset = header->next;
  }
  return chain;
}

Bytes CapabilityChain::Find(uint16_t id) const {
  const auto found = std::ranges::find(capabilities_, id, &Capability::id);
  return found == capabilities_.end() ? Bytes() : found->bytes;
}

std::variant<std::vector<std::byte>, SystemError> Ask(const FileDescriptor& fd,
                                                      const Request& request, Bytes question,
                                                      HexList arguments) {
  constexpr uint32_t kUsual = 512;
  constexpr uint32_t kMost = 1 << 20;
  // What there is to say can grow between two questions.
  constexpr int kTries = 8;
  assert(question.size() >= sizeof(uint32_t) && question.size() <= kUsual);
  uint32_t argsz = kUsual;
  for (int tries = 0; tries < kTries && argsz <= kMost; ++tries) {
    std::vector<std::byte> answer(argsz);
    std::ranges::copy(question, answer.begin());
    std::memcpy(answer.data(), &argsz, sizeof(argsz));
    if (auto failure = AsFailure(Ioctl(fd, request, answer.data(), arguments))) {
      return std::move(*failure);
    }
    std::memcpy(&argsz, answer.data(), sizeof(argsz));
    if (argsz <= answer.size()) return answer;
  }
  return SystemError{request.name, ToString(arguments), EPROTO};
}

}  // namespace flatview::kernel::vfio
