#pragma once

#include <cstdint>
#include <memory>

#include "engine/view_channel.h"

namespace flatview::binding {

// The channels of this process that one environment has shared and another can find, by a token
// that crosses between them as a number. A token is random: one that was made up, or comes from
// another process, finds nothing. The only state that environments share.
//
// Thread safety: any thread. There is a lock, which no lookup takes: only sharing and finding do.
namespace shared_channels {

// Returns the token of `channel`. It is forgotten with the channel.
uint64_t Share(const std::shared_ptr<engine::ViewChannel>& channel);

// Null if there is no such channel, or no longer.
std::shared_ptr<engine::ViewChannel> Find(uint64_t token);

}  // namespace shared_channels
}  // namespace flatview::binding
