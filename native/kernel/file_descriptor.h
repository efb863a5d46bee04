#pragma once

#include <unistd.h>

#include <utility>

namespace flatview::kernel {

// Owns a file descriptor, or none.
class FileDescriptor {
 public:
  static constexpr int kNone = -1;

  FileDescriptor() = default;
  // Takes over `fd`.
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, kNone)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~FileDescriptor() {
    if (fd_ != kNone) close(fd_);
  }

  int get() const { return fd_; }

 private:
  int fd_ = kNone;
};

}  // namespace flatview::kernel
