// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace berth {

/// The one way state is written. A reader sees the old file or the new one, never a part.
///
/// kAtomic: temporary file and rename, no fsync. Survives any crash of the daemon; after a power
/// cut the file may be torn or absent, which its reader must treat as "never written".
/// kDurable: file and directory are synced too. Only for what must outlive a power cut (images).
enum class Durability : unsigned char { kAtomic, kDurable };

/// Replaces `path` with `data`. The temporary name ends in ".tmp" and lies beside it, so that
/// recovery can sweep leftovers.
Result<void> write_file(const std::string& path, std::string_view data, Durability durability,
                        mode_t mode = 0600);

}  // namespace berth
