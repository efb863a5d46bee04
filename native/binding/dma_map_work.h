#pragma once

#include <node_api.h>

#include <functional>

#include "kernel/ioctl.h"

namespace flatview::binding {

// Has `map` run on a thread of Node's pool, for as long as the kernel needs to pin memory. Gives a
// promise of `undefined`, or of why the kernel refused (SystemCallFailure). An environment doesn't
// end before it is done.
napi_value MapOnThread(napi_env env, std::function<kernel::Failure()> map);

}  // namespace flatview::binding
