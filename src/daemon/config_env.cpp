// SPDX-License-Identifier: Apache-2.0
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <string>

#include "base/unique_fd.hpp"
#include "daemon/config.hpp"
#include "daemon/sd_notify.hpp"

// What the service manager says through the environment.

namespace berth::daemon {
namespace {

void fill_from(std::string& setting, const char* name, const char* twin) {
  for (const char* known : {name, twin}) {
    if (!setting.empty()) return;
    if (const char* value = std::getenv(known)) setting = value;
  }
}

}  // namespace

void take_proxies_from_environment(Config& config) {
  fill_from(config.http_proxy, "HTTP_PROXY", "http_proxy");
  fill_from(config.https_proxy, "HTTPS_PROXY", "https_proxy");
  fill_from(config.no_proxy, "NO_PROXY", "no_proxy");
}

void sd_notify(std::string_view state) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr || path[0] == '\0') return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::size_t length = std::strlen(path);
  if (length >= sizeof address.sun_path) return;
  std::memcpy(address.sun_path, path, length);
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';  // an abstract address
  const UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return;
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
  (void)::sendto(fd.get(), state.data(), state.size(), MSG_NOSIGNAL,
                 reinterpret_cast<const sockaddr*>(&address), size);
}

std::optional<std::chrono::milliseconds> watchdog_interval() {
  const char* text = std::getenv("WATCHDOG_USEC");
  if (text == nullptr) return std::nullopt;
  std::uint64_t usec = 0;
  if (std::from_chars(text, text + std::strlen(text), usec).ec != std::errc{} || usec < 2000)
    return std::nullopt;
  if (const char* pid = std::getenv("WATCHDOG_PID"); pid != nullptr && std::to_string(::getpid()) != pid)
    return std::nullopt;
  return std::chrono::milliseconds(usec / 2000);
}

}  // namespace berth::daemon
