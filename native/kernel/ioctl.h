#pragma once

#include <cstdint>
#include <optional>
#include <variant>

#include "kernel/file_descriptor.h"
#include "kernel/hex_list.h"
#include "kernel/system_error.h"

namespace flatview::kernel {

// An ioctl's number, and what messages call it.
struct Request {
  const char* name;
  unsigned long number;
};

// What the kernel answered, 0 or more; or its refusal.
using Answer = std::variant<int, SystemError>;

// The one way into KVM and VFIO. `argument` is a number or the address of what `request` asks for;
// `arguments` says the same to people, should the kernel refuse.
[[nodiscard]] Answer Ioctl(const FileDescriptor& fd, const Request& request, uint64_t argument,
                           HexList arguments);
[[nodiscard]] Answer Ioctl(const FileDescriptor& fd, const Request& request, void* argument,
                           HexList arguments);

// Of a request that answers nothing but whether it was refused.
using Failure = std::optional<SystemError>;
[[nodiscard]] Failure AsFailure(Answer answer);

// Of a request whose answer is a new descriptor.
using NewDescriptor = std::variant<FileDescriptor, SystemError>;
[[nodiscard]] NewDescriptor AsDescriptor(Answer answer);

}  // namespace flatview::kernel
