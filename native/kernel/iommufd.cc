#include "kernel/iommufd.h"

#include <fcntl.h>

#include <cerrno>
#include <tuple>

namespace flatview::kernel::iommufd {

std::variant<Iommufd, SystemError> Iommufd::Open(const std::string& path) {
  FileDescriptor fd(open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (fd.get() == FileDescriptor::kNone) return SystemError::Last("open", path);
  return Iommufd(std::move(fd));
}

std::variant<std::shared_ptr<Ioas>, SystemError> Ioas::Allocate(
    std::shared_ptr<const Iommufd> iommufd) {
  IoasAlloc argument = {.size = sizeof(argument), .flags = 0, .ioas_id = 0};
  if (auto failure = AsFailure(Ioctl(iommufd->descriptor(), kIoasAlloc, &argument, {}))) {
    return std::move(*failure);
  }
  return std::shared_ptr<Ioas>(new Ioas(std::move(iommufd), argument.ioas_id));
}

Ioas::~Ioas() {
  Destroy argument = {.size = sizeof(argument), .id = id_};
  std::ignore = Ioctl(fd(), kDestroy, &argument, {});
}

std::variant<Ioas::Limits, SystemError> Ioas::IovaRanges() const {
  // More ranges can come between two questions, as devices are attached.
  constexpr int kTries = 8;
  uint32_t room = 32;
  for (int tries = 0; tries < kTries; ++tries) {
    std::vector<IovaRange> ranges(room);
    IoasIovaRanges argument = {.size = sizeof(argument),
                               .ioas_id = id_,
                               .count = room,
                               .reserved = 0,
                               .ranges = ranges.data(),
                               .alignment = 0};
    auto failure = AsFailure(Ioctl(fd(), kIoasIovaRanges, &argument, {{"ioas_id", id_}}));
    const bool is_too_small = failure && failure->number == EMSGSIZE && argument.count > room;
    if (failure && !is_too_small) return std::move(*failure);
    if (argument.count <= room) {
      ranges.resize(argument.count);
      return Limits{std::move(ranges), argument.alignment};
    }
    room = argument.count;
  }
  return SystemError{kIoasIovaRanges.name, ToString({{"ioas_id", id_}}), EMSGSIZE};
}

Failure Ioas::MapDma(const DmaMapping& mapping) const {
  const uint32_t flags = map_flag::kFixedIova | (mapping.is_readable ? map_flag::kReadable : 0) |
                         (mapping.is_writable ? map_flag::kWriteable : 0);
  IoasMap argument = {.size = sizeof(argument),
                      .flags = flags,
                      .ioas_id = id_,
                      .reserved = 0,
                      .host_address = mapping.host_address,
                      .length = mapping.size,
                      .iova = mapping.iova};
  return AsFailure(Ioctl(fd(), kIoasMap, &argument,
                         {{"ioas_id", id_},
                          {"iova", mapping.iova},
                          {"length", mapping.size},
                          {"user_va", mapping.host_address},
                          {"flags", flags}}));
}

std::variant<uint64_t, SystemError> Ioas::UnmapDma(uint64_t iova, uint64_t size) const {
  IoasUnmap argument = {.size = sizeof(argument), .ioas_id = id_, .iova = iova, .length = size};
  auto failure = AsFailure(
      Ioctl(fd(), kIoasUnmap, &argument, {{"ioas_id", id_}, {"iova", iova}, {"length", size}}));
  if (failure) return std::move(*failure);
  return argument.length;
}

std::variant<uint64_t, SystemError> Ioas::UnmapAll() const { return UnmapDma(0, UINT64_MAX); }

}  // namespace flatview::kernel::iommufd
