// SPDX-License-Identifier: Apache-2.0
#include "daemon/rpc/list_stream.hpp"

#include <google/protobuf/io/coded_stream.h>

namespace berth::daemon::rpc {

std::string_view first_piece(std::string_view list, std::size_t limit) {
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const std::uint8_t*>(list.data()),
                                            static_cast<int>(list.size()));
  std::size_t end = 0;
  while (end < list.size()) {
    std::uint32_t size = 0;
    if (in.ReadTag() == 0 || !in.ReadVarint32(&size) || !in.Skip(static_cast<int>(size))) return list;
    const auto next = static_cast<std::size_t>(in.CurrentPosition());
    if (end != 0 && next > limit) break;
    end = next;
  }
  return list.substr(0, end);
}

}  // namespace berth::daemon::rpc
