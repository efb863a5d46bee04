#pragma once

#include <node_api.h>

#include <memory>

#include "binding/arguments.h"
#include "binding/handle_table.h"
#include "binding/host_memory_binding.h"
#include "kernel/iommufd.h"
#include "kernel/vfio_container.h"
#include "kernel/vfio_device.h"
#include "kernel/vfio_group.h"

namespace flatview::binding {

// VFIO and iommufd as JavaScript uses them; lib/native/vfio-addon.ts documents each function.
//
// Thread safety: none; one for each environment. Threads that map memory share the container or the
// IOAS, which closes when the last of them is done.
class VfioBinding {
 public:
  // `memories` outlives this.
  explicit VfioBinding(HostMemoryBinding& memories) : memories_(memories) {}

  // Adds the functions to `exports`. Returns false with an exception pending if that fails.
  bool Register(napi_env env, napi_value exports);

  napi_value OpenContainer(Arguments& arguments);
  napi_value ContainerApiVersion(Arguments& arguments);
  napi_value ContainerCheckExtension(Arguments& arguments);
  napi_value ContainerSetIommu(Arguments& arguments);
  napi_value ContainerIommuInfo(Arguments& arguments);
  napi_value ContainerMapDma(Arguments& arguments);
  napi_value ContainerMapDmaAsync(Arguments& arguments);
  napi_value ContainerUnmapDma(Arguments& arguments);
  napi_value ContainerUnmapDmaDirty(Arguments& arguments);
  napi_value ContainerUnmapAll(Arguments& arguments);
  napi_value ContainerSetDirtyTracking(Arguments& arguments);
  napi_value ContainerGetDirtyBitmap(Arguments& arguments);
  napi_value ContainerClose(Arguments& arguments);

  napi_value OpenGroup(Arguments& arguments);
  napi_value GroupStatus(Arguments& arguments);
  napi_value GroupSetContainer(Arguments& arguments);
  napi_value GroupUnsetContainer(Arguments& arguments);
  napi_value GroupOpenDevice(Arguments& arguments);
  napi_value GroupClose(Arguments& arguments);

  napi_value OpenIommufd(Arguments& arguments);
  napi_value IommufdAllocateIoas(Arguments& arguments);
  napi_value IommufdClose(Arguments& arguments);
  napi_value IoasId(Arguments& arguments);
  napi_value IoasIovaRanges(Arguments& arguments);
  napi_value IoasMapDma(Arguments& arguments);
  napi_value IoasMapDmaAsync(Arguments& arguments);
  napi_value IoasUnmapDma(Arguments& arguments);
  napi_value IoasUnmapAll(Arguments& arguments);
  napi_value IoasClose(Arguments& arguments);

  napi_value OpenDevice(Arguments& arguments);
  napi_value DeviceBind(Arguments& arguments);
  napi_value DeviceAttach(Arguments& arguments);
  napi_value DeviceDetach(Arguments& arguments);
  napi_value DeviceInfo(Arguments& arguments);
  napi_value DeviceRegionInfo(Arguments& arguments);
  napi_value DeviceIrqInfo(Arguments& arguments);
  napi_value DeviceRead(Arguments& arguments);
  napi_value DeviceWrite(Arguments& arguments);
  napi_value DeviceMap(Arguments& arguments);
  napi_value DeviceSetIrqEventFds(Arguments& arguments);
  napi_value DeviceSetIrqs(Arguments& arguments);
  napi_value DeviceReset(Arguments& arguments);
  napi_value DeviceClose(Arguments& arguments);

 private:
  HostMemoryBinding& memories_;
  HandleTable<std::shared_ptr<kernel::vfio::Container>> containers_;
  HandleTable<kernel::vfio::Group> groups_;
  HandleTable<std::shared_ptr<kernel::iommufd::Iommufd>> iommufds_;
  HandleTable<std::shared_ptr<kernel::iommufd::Ioas>> ioases_;
  HandleTable<kernel::vfio::Device> devices_;
};

}  // namespace flatview::binding
