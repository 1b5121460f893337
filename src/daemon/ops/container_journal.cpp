// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/container_journal.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <string_view>
#include <utility>

#include "base/cat.hpp"
#include "pid1/shim_protocol.h"

namespace berth::daemon {
namespace {

/// A newline would be the end of the field, and what follows it one of the caller's choice.
std::string_view first_line(std::string_view value) {
  return value.substr(0, value.find_first_of(std::string_view("\n\0", 2)));
}

}  // namespace

Result<UniqueFd> connect_journal(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return Error(Code::kInvalidArgument, cat("the journal's socket \"", path, "\" has too long a path"));
  path.copy(address.sun_path, path.size());
  UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return Error::from_errno(errno, "create a socket for", path);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return Error::from_errno(errno, "connect to", path);
  return fd;
}

std::string journal_fields(const PodRecord& pod, const ContainerRecord& container) {
  constexpr std::size_t kRoom = sizeof(shim::Launch::journal_fields);
  const std::string& name = container.config.metadata().name();
  const auto& sandbox = pod.config.metadata();
  const std::pair<std::string_view, std::string_view> all[] = {
      {"CONTAINER_ID", std::string_view(container.id).substr(0, 12)},
      {"CONTAINER_ID_FULL", container.id},
      {"SYSLOG_IDENTIFIER", name},
      {"CONTAINER_NAME", name},
      {"POD_UID", sandbox.uid()},
      {"POD_NAMESPACE", sandbox.namespace_()},
      {"POD_NAME", sandbox.name()},
  };
  std::string fields;
  for (const auto& [field, value] : all) {
    const std::string line = cat(field, "=", first_line(value), "\n");
    if (fields.size() + line.size() <= kRoom) fields += line;
  }
  return fields;
}

}  // namespace berth::daemon
