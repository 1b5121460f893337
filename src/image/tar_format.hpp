// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "image/tar_entry.hpp"

namespace berth::image {

/// What stands before an entry's content in a pax archive: the header, and before it a pax header for what
/// the old fields cannot hold. The entry of a plain file with a short name and whole seconds is one block.
std::string format_tar_header(const TarEntry& entry);
/// What stands behind a content of `size` bytes.
std::string tar_padding(std::uint64_t size);
/// What ends an archive.
std::string tar_end();

}  // namespace berth::image
