// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

namespace berth::ctl {

/// Lines of a pull in flight, a bar for each layer, from what verbose ImageStatus calls "pull". Of more than
/// `most` layers those that are finished have no line. Empty when the text is not understood.
std::string format_pull(const std::string& pull, std::size_t most);

}  // namespace berth::ctl
