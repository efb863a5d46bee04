#pragma once

#include <ostream>

#include "engine/flat_range.h"

namespace flatview::engine {

// How GoogleTest prints a range in the message of a failed expectation.
inline void PrintTo(const FlatRange& range, std::ostream* out) {
  *out << std::hex << "[" << range.first << ", " << range.last << "] region " << range.region
       << " offset " << range.offset << " attributes " << range.attributes;
}

}  // namespace flatview::engine
