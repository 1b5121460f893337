// SPDX-License-Identifier: Apache-2.0
#include "image/registry/body_feed.hpp"

#include <algorithm>
#include <optional>

#include "base/cat.hpp"
#include "image/registry/header_values.hpp"

namespace berth::image {
namespace {

Error wrong_body(std::string message) {
  return {Code::kFailedPrecondition, std::move(message)};
}

// Whether the server is about to send what was asked for; `skip` is what of it is known already.
Result<std::uint64_t> check_start(const HttpResponse& head, const Descriptor& blob, std::uint64_t offset) {
  const bool encoded =
      !head.header("content-encoding").empty() && head.header("content-encoding") != "identity";
  std::optional<std::uint64_t> length;
  if (!encoded) length = parse_count(head.header("content-length"));
  if (head.status == 200) {
    if (length.value_or(blob.size) != blob.size)
      return wrong_body(cat("it has ", length.value_or(0), " bytes, the manifest says ", blob.size));
    return offset;
  }
  const std::string header = head.header("content-range");
  const auto range = parse_content_range(header);
  const bool right = range && !encoded && range->first == offset && range->last < blob.size &&
                     (!range->total || *range->total == blob.size) &&
                     length.value_or(range->last - range->first + 1) == range->last - range->first + 1;
  if (right) return std::uint64_t{0};
  return wrong_body(
      cat("bytes from ", offset, " on were asked for, the registry sent \"", header.substr(0, 100), "\""));
}

}  // namespace

BodyFeed::BodyFeed(const Descriptor& blob, BlobProgress& progress, const BlobReader& reader,
                   const RangePolicy& ranges)
    : blob_(blob),
      progress_(progress),
      reader_(reader),
      ranges_(ranges),
      may_split_(ranges.lane != nullptr) {}

void BodyFeed::begin() {
  started_ = wants_pieces_ = false;
  in_reader_ = {};
}

Result<void> BodyFeed::take(const HttpResponse& head, std::span<const std::byte> data) {
  if (!started_) {
    ASSIGN_OR_RETURN(skip_, check_start(head, blob_, progress_.offset));
    started_ = true;
    begun_ = Clock::now();
  }
  const auto skipped = static_cast<std::size_t>(std::min<std::uint64_t>(skip_, data.size()));
  skip_ -= skipped;
  data = data.subspan(skipped);
  if (data.size() > blob_.size - progress_.offset)
    return wrong_body(cat("it is longer than the ", blob_.size, " bytes of the manifest"));
  if (data.empty()) return {};
  RETURN_IF_ERROR(pass_on(data));
  if (!may_split_ || !should_split(head)) return {};
  may_split_ = false;
  wants_pieces_ = true;
  return Error(Code::kCancelled, "the rest comes in pieces");
}

Result<void> BodyFeed::pass_on(std::span<const std::byte> data) {
  const auto before = Clock::now();
  progress_.hasher.update(data);
  progress_.offset += data.size();
  auto taken = reader_(data);
  reader_failed_ = !taken;
  in_reader_ += Clock::now() - before;
  return taken;
}

bool BodyFeed::should_split(const HttpResponse& head) const {
  if (blob_.size - progress_.offset < 2 * ranges_.piece) return false;
  const auto waited = Clock::now() - begun_ - in_reader_;
  if (waited < ranges_.patience || waited < in_reader_) return false;
  return head.status == 206 || head.header("accept-ranges") == "bytes";
}

Result<void> check_piece(const HttpResponse& head, const Descriptor& blob, std::uint64_t first,
                         std::uint64_t length) {
  const std::string header = head.header("content-range");
  const auto range = parse_content_range(header);
  const bool right = head.status == 206 && head.header("content-encoding").empty() && range &&
                     range->first == first && range->last == first + length - 1 &&
                     range->total.value_or(blob.size) == blob.size;
  if (right) return {};
  return wrong_body(cat(length, " bytes from ", first, " on were asked for, the registry sent status ",
                        head.status, " and \"", header.substr(0, 100), "\""));
}

}  // namespace berth::image
