{
  "variables": {
    "engine": [
      "native/engine/address_space_table.cc",
      "native/engine/batch.cc",
      "native/engine/change_stream.cc",
      "native/engine/engine.cc",
      "native/engine/flat_view.cc",
      "native/engine/overlap.cc",
      "native/engine/region_table.cc",
      "native/engine/render.cc",
      "native/engine/view_root.cc"
    ],
    "kernel": [],
    "binding": [
      "native/binding/addon.cc",
      "native/binding/engine_binding.cc"
    ],
    "tests": [],
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
      "-Wno-unused-parameter"
    ]
  }
}
