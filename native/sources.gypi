{
  "variables": {
    "engine": [],
    "kernel": [],
    "binding": [
      "native/binding/addon.cc"
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
