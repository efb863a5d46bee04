#include "kernel/exact_access.h"

#include <cassert>
#include <functional>

namespace flatview::kernel {
namespace {

// How each processor loads and stores, and then says that it did.
#if defined(__x86_64__)
#define FLATVIEW_LOAD_1 "movzbl (%[at]), %k[value]"
#define FLATVIEW_LOAD_2 "movzwl (%[at]), %k[value]"
#define FLATVIEW_LOAD_4 "movl (%[at]), %k[value]"
#define FLATVIEW_LOAD_8 "movq (%[at]), %q[value]"
#define FLATVIEW_STORE_1 "movb %b[value], (%[at])"
#define FLATVIEW_STORE_2 "movw %w[value], (%[at])"
#define FLATVIEW_STORE_4 "movl %k[value], (%[at])"
#define FLATVIEW_STORE_8 "movq %q[value], (%[at])"
#define FLATVIEW_DONE "xorl %k[failed], %k[failed]"
#elif defined(__aarch64__)
#define FLATVIEW_LOAD_1 "ldrb %w[value], [%[at]]"
#define FLATVIEW_LOAD_2 "ldrh %w[value], [%[at]]"
#define FLATVIEW_LOAD_4 "ldr %w[value], [%[at]]"
#define FLATVIEW_LOAD_8 "ldr %x[value], [%[at]]"
#define FLATVIEW_STORE_1 "strb %w[value], [%[at]]"
#define FLATVIEW_STORE_2 "strh %w[value], [%[at]]"
#define FLATVIEW_STORE_4 "str %w[value], [%[at]]"
#define FLATVIEW_STORE_8 "str %x[value], [%[at]]"
#define FLATVIEW_DONE "mov %w[failed], wzr"
#endif

#if defined(FLATVIEW_DONE)

// An instruction that may raise SIGBUS, and where to go on then: both as distances from the field
// itself, so that loading the addon has nothing to relocate.
struct FaultingAccess {
  int32_t access;
  int32_t after;
};

// All of them, as the linker gathers them from whatever the accesses were inlined into; and their
// end.
[[gnu::visibility("hidden")]] extern const FaultingAccess kAccesses[] asm(
    "__start_flatview_accesses");
[[gnu::visibility("hidden")]] extern const FaultingAccess kAccessesEnd[] asm(
    "__stop_flatview_accesses");

uintptr_t AddressAt(const int32_t& distance) {
  return reinterpret_cast<uintptr_t>(&distance) + static_cast<uintptr_t>(intptr_t{distance});
}

// `failed` is cleared only where the access was not left by way of the table.
#define FLATVIEW_ACCESS(instruction)                 \
  "1: " instruction "\n   " FLATVIEW_DONE            \
  "\n2:\n   .pushsection flatview_accesses, \"a\"\n" \
  "   .balign 4\n   .long 1b - ., 2b - .\n   .popsection\n"

template <uint32_t kWidth>
inline bool LoadOne(const std::byte* from, uint64_t& value) {
  uint32_t failed = 1;  // NOLINT(misc-const-correctness): the assembly clears it
#define FLATVIEW_LOAD(instruction)                           \
  asm volatile(FLATVIEW_ACCESS(instruction)                  \
               : [value] "=r"(value), [failed] "+&r"(failed) \
               : [at] "r"(from)                              \
               : "cc", "memory")
  if constexpr (kWidth == 1) FLATVIEW_LOAD(FLATVIEW_LOAD_1);
  if constexpr (kWidth == 2) FLATVIEW_LOAD(FLATVIEW_LOAD_2);
  if constexpr (kWidth == 4) FLATVIEW_LOAD(FLATVIEW_LOAD_4);
  if constexpr (kWidth == 8) FLATVIEW_LOAD(FLATVIEW_LOAD_8);
#undef FLATVIEW_LOAD
  return failed == 0;
}

template <uint32_t kWidth>
inline bool StoreOne(std::byte* to, uint64_t value) {
  uint32_t failed = 1;  // NOLINT(misc-const-correctness): the assembly clears it
#define FLATVIEW_STORE(instruction)               \
  asm volatile(FLATVIEW_ACCESS(instruction)       \
               : [failed] "+&r"(failed)           \
               : [at] "r"(to), [value] "r"(value) \
               : "cc", "memory")
  if constexpr (kWidth == 1) FLATVIEW_STORE(FLATVIEW_STORE_1);
  if constexpr (kWidth == 2) FLATVIEW_STORE(FLATVIEW_STORE_2);
  if constexpr (kWidth == 4) FLATVIEW_STORE(FLATVIEW_STORE_4);
  if constexpr (kWidth == 8) FLATVIEW_STORE(FLATVIEW_STORE_8);
#undef FLATVIEW_STORE
  return failed == 0;
}

#else

// Types that may lie anywhere and over anything.
template <uint32_t kWidth>
struct Unaligned;
template <>
struct Unaligned<1> {
  using Type = uint8_t __attribute__((may_alias));
};
template <>
struct Unaligned<2> {
  using Type = uint16_t __attribute__((aligned(1), may_alias));
};
template <>
struct Unaligned<4> {
  using Type = uint32_t __attribute__((aligned(1), may_alias));
};
template <>
struct Unaligned<8> {
  using Type = uint64_t __attribute__((aligned(1), may_alias));
};

template <uint32_t kWidth>
inline bool LoadOne(const std::byte* from, uint64_t& value) {
  const volatile void* const address = from;
  value = *static_cast<const volatile typename Unaligned<kWidth>::Type*>(address);
  return true;
}

template <uint32_t kWidth>
inline bool StoreOne(std::byte* to, uint64_t value) {
  using Type = typename Unaligned<kWidth>::Type;
  volatile void* const address = to;
  *static_cast<volatile Type*>(address) = static_cast<Type>(value);
  return true;
}

#endif

template <uint32_t kWidth>
inline std::optional<uint64_t> LoadExactly(const std::byte* from) {
  uint64_t value = 0;
  return LoadOne<kWidth>(from, value) ? std::optional(value) : std::nullopt;
}

template <uint32_t kWidth>
inline bool MoveOne(std::byte* to, const std::byte* from) {
  uint64_t value = 0;
  return LoadOne<kWidth>(from, value) && StoreOne<kWidth>(to, value);
}

constexpr size_t kWord = 8;

bool MoveUpwards(std::byte* to, const std::byte* from, size_t length) {
  size_t at = 0;
  for (; length - at >= kWord; at += kWord) {
    if (!MoveOne<kWord>(to + at, from + at)) return false;
  }
  for (; at < length; at++) {
    if (!MoveOne<1>(to + at, from + at)) return false;
  }
  return true;
}

bool MoveDownwards(std::byte* to, const std::byte* from, size_t length) {
  size_t left = length;
  for (; left >= kWord; left -= kWord) {
    if (!MoveOne<kWord>(to + left - kWord, from + left - kWord)) return false;
  }
  for (; left > 0; left--) {
    if (!MoveOne<1>(to + left - 1, from + left - 1)) return false;
  }
  return true;
}

}  // namespace

std::optional<uint64_t> Load(const std::byte* from, uint32_t width) {
  assert(IsAccessWidth(width));
  switch (width) {
    case 1:
      return LoadExactly<1>(from);
    case 2:
      return LoadExactly<2>(from);
    case 4:
      return LoadExactly<4>(from);
    default:
      return LoadExactly<8>(from);
  }
}

bool Store(std::byte* to, uint32_t width, uint64_t value) {
  assert(IsAccessWidth(width));
  switch (width) {
    case 1:
      return StoreOne<1>(to, value);
    case 2:
      return StoreOne<2>(to, value);
    case 4:
      return StoreOne<4>(to, value);
    default:
      return StoreOne<8>(to, value);
  }
}

bool Move(std::byte* to, const std::byte* from, size_t length) {
  // What lies below is to be read before it is written over. `less` compares any two pointers.
  return std::less<>()(from, to) ? MoveDownwards(to, from, length) : MoveUpwards(to, from, length);
}

uintptr_t AfterFailedAccess([[maybe_unused]] uintptr_t address) {
#if defined(FLATVIEW_DONE)
  // As numbers: to the compiler, beginning and end are of two arrays.
  const auto end = reinterpret_cast<uintptr_t>(kAccessesEnd);
  for (const auto* it = kAccesses; reinterpret_cast<uintptr_t>(it) != end; ++it) {
    if (AddressAt(it->access) == address) return AddressAt(it->after);
  }
#endif
  return 0;
}

}  // namespace flatview::kernel
