#include "binding/shared_channels.h"

#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <mutex>
#include <unordered_map>

namespace flatview::binding::shared_channels {
namespace {

struct Registry {
  std::mutex mutex;
  std::unordered_map<uint64_t, std::weak_ptr<engine::ViewChannel>> channels;
  // At this size, those that are gone are cleared out.
  size_t full_size = 64;
};

// Made when it is first used. Environments are gone before it is destroyed.
Registry& TheRegistry() {
  static Registry registry;
  return registry;
}

void ClearOut(Registry& registry) {
  std::erase_if(registry.channels, [](const auto& entry) { return entry.second.expired(); });
  registry.full_size = std::max<size_t>(64, registry.channels.size() * 2);
}

// Of the system's, so that nobody guesses a token.
uint64_t RandomToken() {
  uint64_t token = 0;
  if (getentropy(&token, sizeof(token)) != 0) std::abort();  // a kernel older than Linux 3.17
  return token;
}

}  // namespace

uint64_t Share(const std::shared_ptr<engine::ViewChannel>& channel) {
  Registry& registry = TheRegistry();
  const std::lock_guard lock(registry.mutex);
  if (registry.channels.size() >= registry.full_size) ClearOut(registry);
  uint64_t token = 0;
  do {
    token = RandomToken();
  } while (!registry.channels.try_emplace(token, channel).second);
  return token;
}

std::shared_ptr<engine::ViewChannel> Find(uint64_t token) {
  Registry& registry = TheRegistry();
  const std::lock_guard lock(registry.mutex);
  const auto found = registry.channels.find(token);
  return found != registry.channels.end() ? found->second.lock() : nullptr;
}

}  // namespace flatview::binding::shared_channels
