#include "kernel/vfio_container.h"

#include <fcntl.h>

#include <cassert>
#include <cerrno>
#include <utility>
#include <vector>

namespace flatview::kernel::vfio {
namespace {

constexpr uint64_t kBitsPerWord = 64;
constexpr uint64_t kBytesPerWord = 8;

Bitmap ToBitmap(const DirtyBitmap& dirty, uint64_t size) {
  const uint64_t needed = DirtyBitmap::BytesFor(size, dirty.page_size);
  assert(needed <= dirty.bytes.size());
  return {.page_size = dirty.page_size, .bytes = needed, .data = dirty.bytes.data()};
}

}  // namespace

uint64_t DirtyBitmap::BytesFor(uint64_t size, uint64_t page_size) {
  assert(page_size > 0);
  const uint64_t pages = size / page_size + (size % page_size == 0 ? 0 : 1);
  return (pages / kBitsPerWord + (pages % kBitsPerWord == 0 ? 0 : 1)) * kBytesPerWord;
}

std::variant<Container, SystemError> Container::Open(const std::string& path) {
  FileDescriptor fd(open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (fd.get() == FileDescriptor::kNone) return SystemError::Last("open", path);
  return Container(std::move(fd));
}

Answer Container::ApiVersion() const { return Ioctl(fd_, kGetApiVersion, uint64_t{0}, {}); }

Answer Container::CheckExtension(uint32_t extension) const {
  return Ioctl(fd_, kCheckExtension, uint64_t{extension}, {{"extension", extension}});
}

Failure Container::SetIommu(uint32_t type) const {
  return AsFailure(Ioctl(fd_, kSetIommu, uint64_t{type}, {{"type", type}}));
}

std::variant<Iommu, SystemError> Container::IommuInfo() const {
  const IommuInfoWithCapabilities question = {};
  auto answer = Ask(fd_, kIommuGetInfo, std::as_bytes(std::span(&question, 1)), {});
  if (auto* error = std::get_if<SystemError>(&answer)) return std::move(*error);
  auto iommu = Iommu::Read(*std::get_if<std::vector<std::byte>>(&answer));
  if (!iommu) return SystemError{kIommuGetInfo.name, "", EPROTO};
  return std::move(*iommu);
}

Failure Container::MapDma(const DmaMapping& mapping) const {
  const uint32_t flags = (mapping.is_readable ? dma_map_flag::kRead : 0) |
                         (mapping.is_writable ? dma_map_flag::kWrite : 0);
  DmaMap argument = {.argsz = sizeof(argument),
                     .flags = flags,
                     .host_address = mapping.host_address,
                     .iova = mapping.iova,
                     .size = mapping.size};
  return AsFailure(Ioctl(fd_, kIommuMapDma, &argument,
                         {{"iova", mapping.iova},
                          {"size", mapping.size},
                          {"vaddr", mapping.host_address},
                          {"flags", flags}}));
}

std::variant<uint64_t, SystemError> Container::UnmapDma(uint64_t iova, uint64_t size) const {
  DmaUnmap argument = {.argsz = sizeof(argument), .flags = 0, .iova = iova, .size = size};
  auto failure = AsFailure(Ioctl(fd_, kIommuUnmapDma, &argument, {{"iova", iova}, {"size", size}}));
  if (failure) return std::move(*failure);
  return argument.size;
}

std::variant<uint64_t, SystemError> Container::UnmapDma(uint64_t iova, uint64_t size,
                                                        const DirtyBitmap& dirty) const {
  DmaUnmapWithBitmap argument = {.unmap = {.argsz = sizeof(argument),
                                           .flags = dma_unmap_flag::kGetDirtyBitmap,
                                           .iova = iova,
                                           .size = size},
                                 .bitmap = ToBitmap(dirty, size)};
  auto failure = AsFailure(Ioctl(fd_, kIommuUnmapDma, &argument,
                                 {{"iova", iova},
                                  {"size", size},
                                  {"flags", argument.unmap.flags},
                                  {"bitmap.pgsize", dirty.page_size}}));
  if (failure) return std::move(*failure);
  return argument.unmap.size;
}

std::variant<uint64_t, SystemError> Container::UnmapAll() const {
  DmaUnmap argument = {
      .argsz = sizeof(argument), .flags = dma_unmap_flag::kAll, .iova = 0, .size = 0};
  auto failure = AsFailure(Ioctl(fd_, kIommuUnmapDma, &argument, {{"flags", argument.flags}}));
  if (failure) return std::move(*failure);
  return argument.size;
}

Failure Container::SetDirtyTracking(bool on) const {
  const uint32_t flags = on ? dirty_pages_flag::kStart : dirty_pages_flag::kStop;
  DirtyPages argument = {.argsz = sizeof(argument), .flags = flags};
  return AsFailure(Ioctl(fd_, kIommuDirtyPages, &argument, {{"flags", flags}}));
}

Failure Container::GetDirtyBitmap(uint64_t iova, uint64_t size, const DirtyBitmap& dirty) const {
  DirtyPagesOfRange argument = {
      .dirty = {.argsz = sizeof(argument), .flags = dirty_pages_flag::kGetBitmap},
      .iova = iova,
      .size = size,
      .bitmap = ToBitmap(dirty, size)};
  return AsFailure(Ioctl(fd_, kIommuDirtyPages, &argument,
                         {{"flags", argument.dirty.flags},
                          {"iova", iova},
                          {"size", size},
                          {"bitmap.pgsize", dirty.page_size}}));
}

}  // namespace flatview::kernel::vfio
