#include "kernel/vfio_device.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <limits>
#include <vector>

#include "kernel/exact_access.h"

namespace flatview::kernel::vfio {
namespace {

// Larger pages than this no kernel maps a device by.
constexpr uint64_t kLargestPage = uint64_t{1} << 30;

std::string DescribeAccess(uint32_t region, uint64_t offset, uint32_t width) {
  return ToString({{"region", region}, {"offset", offset}, {"width", width}});
}

std::string DescribeMap(uint32_t region, uint64_t offset, uint64_t size) {
  return ToString({{"region", region}, {"offset", offset}, {"size", size}});
}

uint64_t RoundUp(uint64_t value, uint64_t unit) { return (value + unit - 1) / unit * unit; }

// The outcome of a pread or pwrite.
Failure CheckTransfer(const char* call, ssize_t transferred, uint32_t region, uint64_t offset,
                      uint32_t width) {
  if (transferred == static_cast<ssize_t>(width)) return std::nullopt;
  const int number = transferred < 0 ? errno : EIO;
  return SystemError{call, DescribeAccess(region, offset, width), number};
}

}  // namespace

std::variant<Device, SystemError> Device::Open(const std::string& path) {
  FileDescriptor fd(open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (fd.get() == FileDescriptor::kNone) return SystemError::Last("open", path);
  return Device(std::move(fd));
}

Failure Device::Bind(const iommufd::Iommufd& iommufd) const {
  const int fd = iommufd.descriptor().get();
  BindIommufd argument = {.argsz = sizeof(argument), .flags = 0, .iommufd = fd, .device_id = 0};
  return AsFailure(
      Ioctl(fd_, kDeviceBindIommufd, &argument, {{"iommufd", static_cast<uint32_t>(fd)}}));
}

Failure Device::Attach(std::shared_ptr<const iommufd::Ioas> ioas) {
  AttachIommufdPt argument = {.argsz = sizeof(argument), .flags = 0, .pt_id = ioas->id()};
  Failure failure =
      AsFailure(Ioctl(fd_, kDeviceAttachIommufdPt, &argument, {{"pt_id", ioas->id()}}));
  if (!failure) ioas_ = std::move(ioas);
  return failure;
}

Failure Device::Detach() {
  DetachIommufdPt argument = {.argsz = sizeof(argument), .flags = 0};
  Failure failure = AsFailure(Ioctl(fd_, kDeviceDetachIommufdPt, &argument, {}));
  if (!failure) ioas_.reset();
  return failure;
}

std::variant<DeviceInfo, SystemError> Device::GetInfo() const {
  DeviceInfo info = {.argsz = sizeof(info), .flags = 0, .region_count = 0, .irq_count = 0};
  if (auto failure = AsFailure(Ioctl(fd_, kDeviceGetInfo, &info, {}))) return std::move(*failure);
  return info;
}

std::variant<Region, SystemError> Device::GetRegionInfo(uint32_t index) const {
  const RegionInfo question = {.argsz = sizeof(question),
                               .flags = 0,
                               .index = index,
                               .capability_offset = 0,
                               .size = 0,
                               .offset = 0};
  auto answer =
      Ask(fd_, kDeviceGetRegionInfo, std::as_bytes(std::span(&question, 1)), {{"index", index}});
  if (auto* error = std::get_if<SystemError>(&answer)) return std::move(*error);
  auto region = Region::Read(*std::get_if<std::vector<std::byte>>(&answer));
  if (!region) return SystemError{kDeviceGetRegionInfo.name, ToString({{"index", index}}), EPROTO};
  return std::move(*region);
}

std::variant<IrqInfo, SystemError> Device::GetIrqInfo(uint32_t index) const {
  IrqInfo info = {.argsz = sizeof(info), .flags = 0, .index = index, .count = 0};
  auto failure = AsFailure(Ioctl(fd_, kDeviceGetIrqInfo, &info, {{"index", index}}));
  if (failure) return std::move(*failure);
  return info;
}

std::variant<off_t, SystemError> Device::Locate(const char* call, uint32_t region, uint64_t offset,
                                                uint32_t width) {
  auto place = places_.find(region);
  if (place == places_.end()) {
    auto answer = GetRegionInfo(region);
    if (auto* error = std::get_if<SystemError>(&answer)) return std::move(*error);
    const Region& info = *std::get_if<Region>(&answer);
    place = places_.emplace(region, Place{info.offset, info.size}).first;
  }
  const auto [start, size] = place->second;
  constexpr auto kLast = static_cast<uint64_t>(std::numeric_limits<off_t>::max());
  // What begins in the region is the kernel's to judge; what begins behind it may be another one.
  const bool is_inside = offset < size && start <= kLast && offset <= kLast - start;
  if (!is_inside) return SystemError{call, DescribeAccess(region, offset, width), EINVAL};
  return static_cast<off_t>(start + offset);
}

std::variant<uint64_t, SystemError> Device::Read(uint32_t region, uint64_t offset, uint32_t width) {
  assert(IsAccessWidth(width));
  const auto at = Locate("pread", region, offset, width);
  if (const auto* error = std::get_if<SystemError>(&at)) return *error;
  uint8_t bytes[sizeof(uint64_t)] = {};
  const ssize_t transferred = pread(fd_.get(), bytes, width, *std::get_if<off_t>(&at));
  if (auto failure = CheckTransfer("pread", transferred, region, offset, width)) {
    return std::move(*failure);
  }
  uint64_t value = 0;
  for (uint32_t i = 0; i < width; ++i) value |= uint64_t{bytes[i]} << 8 * i;
  return value;
}

Failure Device::Write(uint32_t region, uint64_t offset, uint64_t value, uint32_t width) {
  assert(IsAccessWidth(width));
  const auto at = Locate("pwrite", region, offset, width);
  if (const auto* error = std::get_if<SystemError>(&at)) return *error;
  uint8_t bytes[sizeof(uint64_t)] = {};
  for (uint32_t i = 0; i < width; ++i) bytes[i] = static_cast<uint8_t>(value >> 8 * i);
  const ssize_t transferred = pwrite(fd_.get(), bytes, width, *std::get_if<off_t>(&at));
  return CheckTransfer("pwrite", transferred, region, offset, width);
}

std::variant<HostMemory, SystemError> Device::Map(uint32_t region, uint64_t offset,
                                                  uint64_t size) const {
  auto answer = GetRegionInfo(region);
  if (auto* error = std::get_if<SystemError>(&answer)) return std::move(*error);
  const Region& info = *std::get_if<Region>(&answer);
  const uint64_t page = HostMemory::OrdinaryPageSize();
  const bool is_mappable = info.can_map && info.size > 0 && info.size <= HostMemory::kMaxSize;
  const uint64_t end = is_mappable ? RoundUp(info.size, page) : 0;
  const bool is_whole = (offset | size | info.offset) % page == 0;
  if (size == 0 || !is_whole || offset > end || size > end - offset) {
    return SystemError{"mmap", DescribeMap(region, offset, size), EINVAL};
  }
  // A BAR lies on the bus at a multiple of its size, a power of two.
  const uint64_t alignment = std::clamp(std::bit_ceil(info.size), page, kLargestPage);
  auto memory = HostMemory::OfDevice({.fd = fd_.get(),
                                      .offset = info.offset + offset,
                                      .size = size,
                                      .alignment = alignment,
                                      .phase = offset % alignment,
                                      .is_readable = info.can_read,
                                      .is_writable = info.can_write});
  if (auto* error = std::get_if<SystemError>(&memory)) {
    return SystemError{error->call, DescribeMap(region, offset, size), error->number};
  }
  return memory;
}

Failure Device::SetIrqEventFds(uint32_t index, uint32_t start, std::span<const int32_t> fds) const {
  const size_t bytes = sizeof(IrqSet) + fds.size_bytes();
  const IrqSet head = {.argsz = static_cast<uint32_t>(bytes),
                       .flags = irq_set_flag::kDataEventFd | irq_set_flag::kActionTrigger,
                       .index = index,
                       .start = start,
                       .count = static_cast<uint32_t>(fds.size())};
  std::vector<std::byte> argument(bytes);
  std::memcpy(argument.data(), &head, sizeof(head));
  if (!fds.empty()) std::memcpy(argument.data() + sizeof(head), fds.data(), fds.size_bytes());
  return AsFailure(
      Ioctl(fd_, kDeviceSetIrqs, argument.data(),
            {{"index", index}, {"start", start}, {"count", head.count}, {"flags", head.flags}}));
}

Failure Device::SetIrqs(uint32_t action, uint32_t index, uint32_t start, uint32_t count) const {
  IrqSet argument = {.argsz = sizeof(argument),
                     .flags = irq_set_flag::kDataNone | action,
                     .index = index,
                     .start = start,
                     .count = count};
  return AsFailure(
      Ioctl(fd_, kDeviceSetIrqs, &argument,
            {{"index", index}, {"start", start}, {"count", count}, {"flags", argument.flags}}));
}

Failure Device::Reset() const { return AsFailure(Ioctl(fd_, kDeviceReset, uint64_t{0}, {})); }

}  // namespace flatview::kernel::vfio
