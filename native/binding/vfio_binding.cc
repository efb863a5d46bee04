#include "binding/vfio_binding.h"

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "binding/dma_map_work.h"
#include "binding/functions.h"
#include "binding/outcome.h"
#include "binding/values.h"
#include "kernel/exact_access.h"

namespace flatview::binding {
namespace {

namespace vfio = kernel::vfio;
namespace iommufd = kernel::iommufd;
using kernel::SystemError;

// An ArrayBuffer of words of 64 bits.
napi_value Words(napi_env env, const std::vector<uint64_t>& words) {
  void* data = nullptr;
  napi_value copy = nullptr;
  const size_t bytes = words.size() * sizeof(uint64_t);
  const napi_status status = napi_create_arraybuffer(env, bytes, &data, &copy);
  if (status == napi_ok) std::memcpy(data, words.data(), bytes);
  return copy;
}

std::vector<uint64_t> ToWords(const vfio::Iommu& iommu) {
  const auto& ranges = iommu.iova_ranges;
  const auto& tracking = iommu.dirty_tracking;
  const uint64_t known = (iommu.page_sizes ? 1u : 0u) | (ranges ? 2u : 0u) |
                         (iommu.mappings_left ? 4u : 0u) | (tracking ? 8u : 0u);
  std::vector<uint64_t> words = {
      known, iommu.page_sizes.value_or(0), iommu.mappings_left.value_or(0),
      tracking ? tracking->page_sizes : 0, tracking ? tracking->largest_bitmap_bytes : 0};
  if (!ranges) return words;
  for (const auto& range : *ranges) words.insert(words.end(), {range.first, range.last});
  return words;
}

std::vector<uint64_t> ToWords(const vfio::Region& region) {
  const auto& areas = region.sparse_areas;
  const uint64_t flags = (region.can_read ? 1u : 0u) | (region.can_write ? 2u : 0u) |
                         (region.can_map ? 4u : 0u) | (areas ? 8u : 0u) |
                         (region.is_msix_mappable ? 16u : 0u) | (region.type ? 32u : 0u);
  std::vector<uint64_t> words = {flags, region.size, region.type ? region.type->type : 0u,
                                 region.type ? region.type->subtype : 0u};
  if (!areas) return words;
  for (const auto& area : *areas) words.insert(words.end(), {area.offset, area.size});
  return words;
}

std::vector<uint64_t> ToWords(const vfio::DeviceInfo& info) {
  return {info.flags, info.region_count, info.irq_count};
}

std::vector<uint64_t> ToWords(const vfio::IrqInfo& info) { return {info.flags, info.count}; }

std::vector<uint64_t> ToWords(const vfio::Group::Status& status) {
  return {status.is_viable ? 1u : 0u, status.is_container_set ? 1u : 0u};
}

std::vector<uint64_t> ToWords(const iommufd::Ioas::Limits& limits) {
  std::vector<uint64_t> words = {limits.alignment};
  for (const auto& range : limits.ranges) words.insert(words.end(), {range.first, range.last});
  return words;
}

template <typename Info>
napi_value OutcomeInWords(Arguments& arguments, const std::variant<Info, SystemError>& answer) {
  const auto* const error = std::get_if<SystemError>(&answer);
  if (error != nullptr) return Failure(arguments.env(), *error);
  return Words(arguments.env(), ToWords(*std::get_if<Info>(&answer)));
}

template <typename Opened>
std::variant<std::shared_ptr<Opened>, SystemError> Shared(
    std::variant<Opened, SystemError> opened) {
  if (auto* error = std::get_if<SystemError>(&opened)) return std::move(*error);
  return std::make_shared<Opened>(std::move(*std::get_if<Opened>(&opened)));
}

// What a handle stands for, shared; null after throwing.
template <typename T>
std::shared_ptr<T> Share(Arguments& arguments, size_t index,
                         HandleTable<std::shared_ptr<T>>& table) {
  const auto* const found = arguments.Handle(index, table);
  return found == nullptr ? nullptr : *found;
}

template <typename T>
napi_value CloseHandle(Arguments& arguments, HandleTable<T>& table) {
  if (arguments.Handle(0, table) != nullptr) table.Remove(arguments.Uint32(0));
  return nullptr;
}

// Arguments from 1 on: IOVA, size, host address, whether the device may read and write it.
kernel::DmaMapping DmaMapping(Arguments& arguments) {
  return {.iova = arguments.Uint64(1),
          .size = arguments.Uint64(2),
          .host_address = arguments.Uint64(3),
          .is_readable = arguments.Bool(4),
          .is_writable = arguments.Bool(5)};
}

// Arguments from 3 on: bytes of a page, and the bitmap; argument 2 is the size of the range.
vfio::DirtyBitmap DirtyBitmap(Arguments& arguments) {
  const uint64_t size = arguments.Uint64(2);
  const uint64_t page_size = arguments.Uint64(3);
  const std::span<std::byte> bytes = arguments.Uint8Array(4);
  if (!std::has_single_bit(page_size)) {
    arguments.FailRange(3, "must be a power of two");
  } else if (bytes.size() < vfio::DirtyBitmap::BytesFor(size, page_size)) {
    arguments.FailRange(4, "has less than a bit for each page");
  }
  return {page_size, bytes};
}

uint32_t AccessWidth(Arguments& arguments, size_t index) {
  const uint32_t width = arguments.Uint32(index);
  if (arguments.failed() || kernel::IsAccessWidth(width)) return width;
  return arguments.FailRange(index, "must be 1, 2, 4 or 8");
}

}  // namespace

bool VfioBinding::Register(napi_env env, napi_value exports) {
  const Function functions[] = {
      {"vfioOpenContainer", Callback<&VfioBinding::OpenContainer>},
      {"vfioContainerApiVersion", Callback<&VfioBinding::ContainerApiVersion>},
      {"vfioContainerCheckExtension", Callback<&VfioBinding::ContainerCheckExtension>},
      {"vfioContainerSetIommu", Callback<&VfioBinding::ContainerSetIommu>},
      {"vfioContainerIommuInfo", Callback<&VfioBinding::ContainerIommuInfo>},
      {"vfioContainerMapDma", Callback<&VfioBinding::ContainerMapDma>},
      {"vfioContainerMapDmaAsync", Callback<&VfioBinding::ContainerMapDmaAsync>},
      {"vfioContainerUnmapDma", Callback<&VfioBinding::ContainerUnmapDma>},
      {"vfioContainerUnmapDmaDirty", Callback<&VfioBinding::ContainerUnmapDmaDirty>},
      {"vfioContainerUnmapAll", Callback<&VfioBinding::ContainerUnmapAll>},
      {"vfioContainerSetDirtyTracking", Callback<&VfioBinding::ContainerSetDirtyTracking>},
      {"vfioContainerGetDirtyBitmap", Callback<&VfioBinding::ContainerGetDirtyBitmap>},
      {"vfioContainerClose", Callback<&VfioBinding::ContainerClose>},
      {"vfioOpenGroup", Callback<&VfioBinding::OpenGroup>},
      {"vfioGroupStatus", Callback<&VfioBinding::GroupStatus>},
      {"vfioGroupSetContainer", Callback<&VfioBinding::GroupSetContainer>},
      {"vfioGroupUnsetContainer", Callback<&VfioBinding::GroupUnsetContainer>},
      {"vfioGroupOpenDevice", Callback<&VfioBinding::GroupOpenDevice>},
      {"vfioGroupClose", Callback<&VfioBinding::GroupClose>},
      {"iommufdOpen", Callback<&VfioBinding::OpenIommufd>},
      {"iommufdAllocateIoas", Callback<&VfioBinding::IommufdAllocateIoas>},
      {"iommufdClose", Callback<&VfioBinding::IommufdClose>},
      {"ioasId", Callback<&VfioBinding::IoasId>},
      {"ioasIovaRanges", Callback<&VfioBinding::IoasIovaRanges>},
      {"ioasMapDma", Callback<&VfioBinding::IoasMapDma>},
      {"ioasMapDmaAsync", Callback<&VfioBinding::IoasMapDmaAsync>},
      {"ioasUnmapDma", Callback<&VfioBinding::IoasUnmapDma>},
      {"ioasUnmapAll", Callback<&VfioBinding::IoasUnmapAll>},
      {"ioasClose", Callback<&VfioBinding::IoasClose>},
      {"vfioOpenDevice", Callback<&VfioBinding::OpenDevice>},
      {"vfioDeviceBind", Callback<&VfioBinding::DeviceBind>},
      {"vfioDeviceAttach", Callback<&VfioBinding::DeviceAttach>},
      {"vfioDeviceDetach", Callback<&VfioBinding::DeviceDetach>},
      {"vfioDeviceInfo", Callback<&VfioBinding::DeviceInfo>},
      {"vfioDeviceRegionInfo", Callback<&VfioBinding::DeviceRegionInfo>},
      {"vfioDeviceIrqInfo", Callback<&VfioBinding::DeviceIrqInfo>},
      {"vfioDeviceRead", Callback<&VfioBinding::DeviceRead>},
      {"vfioDeviceWrite", Callback<&VfioBinding::DeviceWrite>},
      {"vfioDeviceMap", Callback<&VfioBinding::DeviceMap>},
      {"vfioDeviceSetIrqEventFds", Callback<&VfioBinding::DeviceSetIrqEventFds>},
      {"vfioDeviceSetIrqs", Callback<&VfioBinding::DeviceSetIrqs>},
      {"vfioDeviceReset", Callback<&VfioBinding::DeviceReset>},
      {"vfioDeviceClose", Callback<&VfioBinding::DeviceClose>},
  };
  return Define(env, exports, functions, this);
}

napi_value VfioBinding::OpenContainer(Arguments& arguments) {
  const std::string path = arguments.String(0);
  if (arguments.failed()) return nullptr;
  return Adopt(arguments, Shared(vfio::Container::Open(path)), containers_);
}

napi_value VfioBinding::ContainerApiVersion(Arguments& arguments) {
  const auto container = Share(arguments, 0, containers_);
  return container == nullptr ? nullptr : Outcome(arguments, container->ApiVersion());
}

napi_value VfioBinding::ContainerCheckExtension(Arguments& arguments) {
  const auto container = Share(arguments, 0, containers_);
  const uint32_t extension = arguments.Uint32(1);
  if (arguments.failed()) return nullptr;
  return Outcome(arguments, container->CheckExtension(extension));
}

napi_value VfioBinding::ContainerSetIommu(Arguments& arguments) {
  const auto container = Share(arguments, 0, containers_);
  const uint32_t type = arguments.Uint32(1);
  if (arguments.failed()) return nullptr;
  return Outcome(arguments, container->SetIommu(type));
}

napi_value VfioBinding::ContainerIommuInfo(Arguments& arguments) {
  const auto container = Share(arguments, 0, containers_);
  return container == nullptr ? nullptr : OutcomeInWords(arguments, container->IommuInfo());
}

napi_value VfioBinding::ContainerMapDma(Arguments& arguments) {
  const auto container = Share(arguments, 0, containers_);
  const kernel::DmaMapping mapping = DmaMapping(arguments);
  if (arguments.failed()) return nullptr;
  return Outcome(arguments, container->MapDma(mapping));
}

napi_value VfioBinding::ContainerMapDmaAsync(Arguments& arguments) {
  const auto container = Share(arguments, 0, containers_);
  const kernel::DmaMapping mapping = DmaMapping(arguments);
  if (arguments.failed()) return nullptr;
  return MapOnThread(arguments.env(), [container, mapping] { return container->MapDma(mapping); });
}

napi_value VfioBinding::ContainerUnmapDma(Arguments& arguments) {
  const auto container = Share(arguments, 0, containers_);
  const uint64_t iova = arguments.Uint64(1);
  const uint64_t size = arguments.Uint64(2);
  if (arguments.failed()) return nullptr;
  return Outcome(arguments, container->UnmapDma(iova, size));
}

napi_value VfioBinding::ContainerUnmapDmaDirty(Arguments& arguments) {
  const auto container = Share(arguments, 0, containers_);
  const uint64_t iova = arguments.Uint64(1);
  const uint64_t size = arguments.Uint64(2);
  const vfio::DirtyBitmap dirty = DirtyBitmap(arguments);
  if (arguments.failed()) return nullptr;
  return Outcome(arguments, container->UnmapDma(iova, size, dirty));
}

napi_value VfioBinding::ContainerUnmapAll(Arguments& arguments) {
  const auto container = Share(arguments, 0, containers_);
  return container == nullptr ? nullptr : Outcome(arguments, container->UnmapAll());
}

napi_value VfioBinding::ContainerSetDirtyTracking(Arguments& arguments) {
  const auto container = Share(arguments, 0, containers_);
  const bool on = arguments.Bool(1);
  if (arguments.failed()) return nullptr;
  return Outcome(arguments, container->SetDirtyTracking(on));
}

napi_value VfioBinding::ContainerGetDirtyBitmap(Arguments& arguments) {
  const auto container = Share(arguments, 0, containers_);
  const uint64_t iova = arguments.Uint64(1);
  const uint64_t size = arguments.Uint64(2);
  const vfio::DirtyBitmap dirty = DirtyBitmap(arguments);
  if (arguments.failed()) return nullptr;
  return Outcome(arguments, container->GetDirtyBitmap(iova, size, dirty));
}

napi_value VfioBinding::ContainerClose(Arguments& arguments) {
  return CloseHandle(arguments, containers_);
}

napi_value VfioBinding::OpenGroup(Arguments& arguments) {
  const std::string path = arguments.String(0);
  if (arguments.failed()) return nullptr;
  return Adopt(arguments, vfio::Group::Open(path), groups_);
}

napi_value VfioBinding::GroupStatus(Arguments& arguments) {
  const vfio::Group* const group = arguments.Handle(0, groups_);
  return group == nullptr ? nullptr : OutcomeInWords(arguments, group->GetStatus());
}

napi_value VfioBinding::GroupSetContainer(Arguments& arguments) {
  const vfio::Group* const group = arguments.Handle(0, groups_);
  const auto container = Share(arguments, 1, containers_);
  if (arguments.failed()) return nullptr;
  return Outcome(arguments, group->SetContainer(*container));
}

napi_value VfioBinding::GroupUnsetContainer(Arguments& arguments) {
  const vfio::Group* const group = arguments.Handle(0, groups_);
  return group == nullptr ? nullptr : Outcome(arguments, group->UnsetContainer());
}

napi_value VfioBinding::GroupOpenDevice(Arguments& arguments) {
  const vfio::Group* const group = arguments.Handle(0, groups_);
  const std::string name = arguments.String(1);
  if (arguments.failed()) return nullptr;
  return Adopt(arguments, group->OpenDevice(name), devices_);
}

napi_value VfioBinding::GroupClose(Arguments& arguments) { return CloseHandle(arguments, groups_); }

napi_value VfioBinding::OpenIommufd(Arguments& arguments) {
  const std::string path = arguments.String(0);
  if (arguments.failed()) return nullptr;
  return Adopt(arguments, Shared(iommufd::Iommufd::Open(path)), iommufds_);
}

napi_value VfioBinding::IommufdAllocateIoas(Arguments& arguments) {
  auto parent = Share(arguments, 0, iommufds_);
  if (parent == nullptr) return nullptr;
  return Adopt(arguments, iommufd::Ioas::Allocate(std::move(parent)), ioases_);
}

napi_value VfioBinding::IommufdClose(Arguments& arguments) {
  return CloseHandle(arguments, iommufds_);
}

napi_value VfioBinding::IoasId(Arguments& arguments) {
  const auto ioas = Share(arguments, 0, ioases_);
  return ioas == nullptr ? nullptr : Number(arguments.env(), ioas->id());
}

napi_value VfioBinding::IoasIovaRanges(Arguments& arguments) {
  const auto ioas = Share(arguments, 0, ioases_);
  return ioas == nullptr ? nullptr : OutcomeInWords(arguments, ioas->IovaRanges());
}

napi_value VfioBinding::IoasMapDma(Arguments& arguments) {
  const auto ioas = Share(arguments, 0, ioases_);
  const kernel::DmaMapping mapping = DmaMapping(arguments);
  if (arguments.failed()) return nullptr;
  return Outcome(arguments, ioas->MapDma(mapping));
}

napi_value VfioBinding::IoasMapDmaAsync(Arguments& arguments) {
  const auto ioas = Share(arguments, 0, ioases_);
  const kernel::DmaMapping mapping = DmaMapping(arguments);
  if (arguments.failed()) return nullptr;
  return MapOnThread(arguments.env(), [ioas, mapping] { return ioas->MapDma(mapping); });
}

napi_value VfioBinding::IoasUnmapDma(Arguments& arguments) {
  const auto ioas = Share(arguments, 0, ioases_);
  const uint64_t iova = arguments.Uint64(1);
  const uint64_t size = arguments.Uint64(2);
  if (arguments.failed()) return nullptr;
  return Outcome(arguments, ioas->UnmapDma(iova, size));
}

napi_value VfioBinding::IoasUnmapAll(Arguments& arguments) {
  const auto ioas = Share(arguments, 0, ioases_);
  return ioas == nullptr ? nullptr : Outcome(arguments, ioas->UnmapAll());
}

napi_value VfioBinding::IoasClose(Arguments& arguments) { return CloseHandle(arguments, ioases_); }

napi_value VfioBinding::OpenDevice(Arguments& arguments) {
  const std::string path = arguments.String(0);
  if (arguments.failed()) return nullptr;
  return Adopt(arguments, vfio::Device::Open(path), devices_);
}

napi_value VfioBinding::DeviceBind(Arguments& arguments) {
  vfio::Device* const device = arguments.Handle(0, devices_);
  const auto parent = Share(arguments, 1, iommufds_);
  if (arguments.failed()) return nullptr;
  return Outcome(arguments, device->Bind(*parent));
}

napi_value VfioBinding::DeviceAttach(Arguments& arguments) {
  vfio::Device* const device = arguments.Handle(0, devices_);
  auto ioas = Share(arguments, 1, ioases_);
  if (arguments.failed()) return nullptr;
  return Outcome(arguments, device->Attach(std::move(ioas)));
}

napi_value VfioBinding::DeviceDetach(Arguments& arguments) {
  vfio::Device* const device = arguments.Handle(0, devices_);
  return device == nullptr ? nullptr : Outcome(arguments, device->Detach());
}

napi_value VfioBinding::DeviceInfo(Arguments& arguments) {
  vfio::Device* const device = arguments.Handle(0, devices_);
  return device == nullptr ? nullptr : OutcomeInWords(arguments, device->GetInfo());
}

napi_value VfioBinding::DeviceRegionInfo(Arguments& arguments) {
  vfio::Device* const device = arguments.Handle(0, devices_);
  const uint32_t index = arguments.Uint32(1);
  if (arguments.failed()) return nullptr;
  return OutcomeInWords(arguments, device->GetRegionInfo(index));
}

napi_value VfioBinding::DeviceIrqInfo(Arguments& arguments) {
  vfio::Device* const device = arguments.Handle(0, devices_);
  const uint32_t index = arguments.Uint32(1);
  if (arguments.failed()) return nullptr;
  return OutcomeInWords(arguments, device->GetIrqInfo(index));
}

napi_value VfioBinding::DeviceRead(Arguments& arguments) {
  vfio::Device* const device = arguments.Handle(0, devices_);
  const uint32_t region = arguments.Uint32(1);
  const uint64_t offset = arguments.Uint64(2);
  const uint32_t width = AccessWidth(arguments, 3);
  if (arguments.failed()) return nullptr;
  return Outcome(arguments, device->Read(region, offset, width));
}

napi_value VfioBinding::DeviceWrite(Arguments& arguments) {
  vfio::Device* const device = arguments.Handle(0, devices_);
  const uint32_t region = arguments.Uint32(1);
  const uint64_t offset = arguments.Uint64(2);
  const uint64_t value = arguments.Uint64(3);
  const uint32_t width = AccessWidth(arguments, 4);
  if (arguments.failed()) return nullptr;
  return Outcome(arguments, device->Write(region, offset, value, width));
}

napi_value VfioBinding::DeviceMap(Arguments& arguments) {
  vfio::Device* const device = arguments.Handle(0, devices_);
  const uint32_t region = arguments.Uint32(1);
  const uint64_t offset = arguments.Uint64(2);
  const uint64_t size = arguments.Uint64(3);
  if (arguments.failed()) return nullptr;
  return memories_.Adopt(arguments, device->Map(region, offset, size));
}

napi_value VfioBinding::DeviceSetIrqEventFds(Arguments& arguments) {
  vfio::Device* const device = arguments.Handle(0, devices_);
  const uint32_t index = arguments.Uint32(1);
  const uint32_t start = arguments.Uint32(2);
  const std::span<std::byte> bytes = arguments.Uint8Array(3);
  const bool is_whole = !bytes.empty() && bytes.size() % sizeof(int32_t) == 0;
  if (!is_whole) arguments.FailRange(3, "is not descriptors of 32 bits");
  if (arguments.failed()) return nullptr;
  std::vector<int32_t> fds(bytes.size() / sizeof(int32_t));
  std::memcpy(fds.data(), bytes.data(), bytes.size());
  return Outcome(arguments, device->SetIrqEventFds(index, start, fds));
}

napi_value VfioBinding::DeviceSetIrqs(Arguments& arguments) {
  vfio::Device* const device = arguments.Handle(0, devices_);
  const uint32_t action = arguments.Uint32(1);
  const uint32_t index = arguments.Uint32(2);
  const uint32_t start = arguments.Uint32(3);
  const uint32_t count = arguments.Uint32(4);
  namespace flag = vfio::irq_set_flag;
  const bool is_action = action == flag::kActionMask || action == flag::kActionUnmask ||
                         action == flag::kActionTrigger;
  if (!is_action) arguments.FailRange(1, "is no action");
  if (arguments.failed()) return nullptr;
  return Outcome(arguments, device->SetIrqs(action, index, start, count));
}

napi_value VfioBinding::DeviceReset(Arguments& arguments) {
  vfio::Device* const device = arguments.Handle(0, devices_);
  return device == nullptr ? nullptr : Outcome(arguments, device->Reset());
}

napi_value VfioBinding::DeviceClose(Arguments& arguments) {
  return CloseHandle(arguments, devices_);
}

}  // namespace flatview::binding
