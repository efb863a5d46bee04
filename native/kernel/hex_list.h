#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>

namespace flatview::kernel {

// Named values, as a call's arguments are told to people.
using HexList = std::initializer_list<std::pair<const char*, uint64_t>>;

// "0x2f". By hand, because a stream would bring all that C++ knows of locales into the addon.
inline std::string Hex(uint64_t value) {
  std::string text = "0x";
  int shift = 60;
  while (shift > 0 && value >> shift == 0) shift -= 4;
  for (; shift >= 0; shift -= 4) text += "0123456789abcdef"[(value >> shift) & 0xf];
  return text;
}

// "slot 0x1, flags 0x0".
inline std::string ToString(HexList values) {
  std::string text;
  const char* separator = "";
  for (const auto& [name, value] : values) {
    text.append(separator).append(name).append(" ").append(Hex(value));
    separator = ", ";
  }
  return text;
}

}  // namespace flatview::kernel
