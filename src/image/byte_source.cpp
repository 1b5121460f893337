// SPDX-License-Identifier: Apache-2.0
#include "image/byte_source.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/cat.hpp"

namespace berth::image {
namespace {}

FdSource::FdSource(int fd) : fd_(fd), buffer_(kStreamBuffer) {}

Result<std::span<const std::byte>> FdSource::next() {
  ssize_t got = 0;
  do {
    got = ::read(fd_, buffer_.data(), buffer_.size());
  } while (got < 0 && errno == EINTR);
  if (got < 0) return Error::from_errno(errno, "read", "the layer's bytes");
  return std::span<const std::byte>(buffer_).first(static_cast<std::size_t>(got));
}

Result<std::span<const std::byte>> MemorySource::next() {
  const std::string_view now = data_.substr(0, piece_);
  data_.remove_prefix(now.size());
  return std::as_bytes(std::span(now));
}

Result<std::span<const std::byte>> HashingSource::next() {
  ASSIGN_OR_RETURN(const std::span<const std::byte> data, from_.next());
  hasher_.update(data);
  total_ += data.size();
  if (total_ > limit_)
    return Error(Code::kResourceExhausted, cat("the layer expands to more than ", limit_, " bytes"));
  return data;
}

Result<Digest> HashingSource::finish() {
  while (true) {
    ASSIGN_OR_RETURN(const std::span<const std::byte> rest, next());
    if (rest.empty()) return hasher_.finish();
  }
}

}  // namespace berth::image
