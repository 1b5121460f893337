// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.hpp"
#include "image/snapshotter.hpp"

namespace berth::image {

/// Bytes allocated and inodes in a tree that a container writes to at the same time. Follows no
/// link, leaves no file system, counts a hard-linked file once. Bounded: more than 10 million files
/// are kResourceExhausted, and what lies deeper than a path can name is left out.
Result<Snapshotter::Usage> measure_tree(const std::string& root);

}  // namespace berth::image
