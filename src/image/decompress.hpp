// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "image/byte_source.hpp"

namespace berth::image {

/// Inflates `from` after looking at its first bytes: gzip (any number of members, zero padding at
/// the end), zstd (any number of frames, skippable ones too; windows up to 128 MiB), or nothing at
/// all. What a media type claims plays no part. `from` must outlive the result. A stream that ends
/// early, lies about its checksum, or has something else behind it is kFailedPrecondition.
Result<std::unique_ptr<ByteSource>> decompress(ByteSource& from);

std::unique_ptr<ByteSource> gunzip(ByteSource& from);
std::unique_ptr<ByteSource> unzstd(ByteSource& from);

}  // namespace berth::image
