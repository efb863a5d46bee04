{
  "variables": {
    "engine": [
      "native/engine/address_space_table.cc",
      "native/engine/batch.cc",
      "native/engine/change_report.cc",
      "native/engine/change_stream.cc",
      "native/engine/child_index.cc",
      "native/engine/engine.cc",
      "native/engine/flat_tree.cc",
      "native/engine/indexed_subregions.cc",
      "native/engine/interval_forest.cc",
      "native/engine/listed_subregions.cc",
      "native/engine/liveness.cc",
      "native/engine/overlap.cc",
      "native/engine/propagation.cc",
      "native/engine/region_table.cc",
      "native/engine/render.cc",
      "native/engine/self_check.cc",
      "native/engine/view_channel.cc",
      "native/engine/view_publisher.cc",
      "native/engine/view_root.cc",
      "native/engine/view_root_index.cc",
      "native/engine/view_table.cc",
      "native/engine/view_update.cc"
    ],
    "kernel": [
      "native/kernel/capability_chain.cc",
      "native/kernel/event_fd.cc",
      "native/kernel/guest_gate.cc",
      "native/kernel/host_memory.cc",
      "native/kernel/ioctl.cc",
      "native/kernel/iommufd.cc",
      "native/kernel/kvm_system.cc",
      "native/kernel/kvm_vcpu.cc",
      "native/kernel/kvm_vm.cc",
      "native/kernel/mapping.cc",
      "native/kernel/vcpu_thread.cc",
      "native/kernel/vfio_container.cc",
      "native/kernel/vfio_device.cc",
      "native/kernel/vfio_group.cc",
      "native/kernel/vfio_info.cc"
    ],
    "binding": [
      "native/binding/addon.cc",
      "native/binding/direct_memory.cc",
      "native/binding/dma_map_work.cc",
      "native/binding/engine_binding.cc",
      "native/binding/host_memory_binding.cc",
      "native/binding/kvm_binding.cc",
      "native/binding/memory_windows.cc",
      "native/binding/reader_binding.cc",
      "native/binding/shared_channels.cc",
      "native/binding/vcpu_runner.cc",
      "native/binding/vfio_binding.cc"
    ],
    "portable": [
      "native/portable/libc_gaps.cc"
    ],
    "wasm": [
      "native/wasm/engine_exports.cc",
      "native/wasm/runtime_gaps.cc"
    ],
    "fuzz": [
      "native/fuzz/batch_maker.cc",
      "native/fuzz/follower.cc"
    ],
    "tests": [
      "native/test/engine/batch_test.cc",
      "native/test/engine/commit_work_test.cc",
      "native/test/engine/engine_test.cc",
      "native/test/engine/flat_tree_test.cc",
      "native/test/engine/flat_view_test.cc",
      "native/test/engine/garbage_test.cc",
      "native/test/engine/interval_forest_test.cc",
      "native/test/engine/overlap_test.cc",
      "native/test/engine/painter.cc",
      "native/test/engine/random_trees_test.cc",
      "native/test/engine/region_table_test.cc",
      "native/test/engine/render_test.cc",
      "native/test/engine/self_check_test.cc",
      "native/test/engine/view_reader_test.cc",
      "native/test/engine/view_root_test.cc",
      "native/test/kernel/capability_chain_test.cc",
      "native/test/kernel/exact_access_test.cc",
      "native/test/kernel/guest_gate_test.cc",
      "native/test/kernel/host_memory_test.cc",
      "native/test/kernel/mapping_test.cc",
      "native/test/kernel/vfio_info_test.cc",
      "native/test/kernel/vfio_uapi_test.cc"
    ],
    "binding_defines": [
      "NAPI_VERSION=9",
      "NAPI_DISABLE_CPP_EXCEPTIONS",
      "NODE_ADDON_API_DISABLE_DEPRECATED",
      "NODE_ADDON_API_ENABLE_MAYBE",
      "NODE_ADDON_API_REQUIRE_BASIC_FINALIZERS"
    ],
    "warnings": [
      "-Wall",
      "-Wextra",
      "-Wshadow",
      "-Wconversion",
      "-Wdeprecated-copy-dtor",
      "-Wno-unused-parameter"
    ]
  }
}
