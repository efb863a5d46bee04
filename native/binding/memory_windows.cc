#include "binding/memory_windows.h"

#include <cassert>

namespace flatview::binding {

napi_status WindowedMemory::MakeWindow(napi_env env, std::span<std::byte> part,
                                       napi_value* buffer) {
  assert(!part.empty() && part.size() <= kMaxWindow);
  auto window = std::make_unique<Window>(shared_from_this());
  const napi_status made = napi_create_external_arraybuffer(env, part.data(), part.size(), Finalize,
                                                            window.get(), buffer);
  if (made == napi_no_external_buffers_allowed) return made;
  // From here on the finalizer has it, even if the call failed.
  Window* const handed_over = window.release();
  if (made != napi_ok) return made;
  windows_.insert(handed_over);
  return napi_create_reference(env, *buffer, 0, &handed_over->buffer);
}

void WindowedMemory::Finalize(napi_env env, void* /*data*/, void* hint) {
  const std::unique_ptr<Window> window(static_cast<Window*>(hint));
  window->memory->windows_.erase(window.get());
  if (window->buffer != nullptr) napi_delete_reference(env, window->buffer);
}

void WindowedMemory::Close(napi_env env) {
  for (const Window* const window : windows_) {
    napi_value buffer = nullptr;
    const napi_status found = napi_get_reference_value(env, window->buffer, &buffer);
    // Null when it has been collected, and only its finalizer has yet to run.
    if (found == napi_ok && buffer != nullptr) napi_detach_arraybuffer(env, buffer);
  }
  if (windows_.empty() && loans_ == 0) {
    memory_.Close();
  } else {
    memory_.Vacate();
  }
}

}  // namespace flatview::binding
