#pragma once

#include <cstdint>
#include <initializer_list>
#include <sstream>
#include <string>
#include <utility>

namespace flatview::kernel {

// Named values, as a call's arguments are told to people.
using HexList = std::initializer_list<std::pair<const char*, uint64_t>>;

// "slot 0x1, flags 0x0".
inline std::string ToString(HexList values) {
  std::ostringstream out;
  out << std::hex;
  const char* separator = "";
  for (const auto& [name, value] : values) {
    out << separator << name << " 0x" << value;
    separator = ", ";
  }
  return out.str();
}

}  // namespace flatview::kernel
