// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "base/cat.hpp"
#include "runtime/namespaces.hpp"

namespace berth::runtime {
namespace {

constexpr std::array<std::string_view, 8> kIpcKeys = {
    "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem",
    "kernel.shmall", "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced"};

Error refusal(std::string_view key, std::string_view value, std::string_view why) {
  constexpr std::size_t kShown = 200;
  return {Code::kInvalidArgument,
          cat("sysctl \"", key.substr(0, kShown), "\" = \"", value.substr(0, kShown), "\": ", why)};
}

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
         c == ':' || c == '@';
}

// Letters and single separators only: neither ".." nor "/." nor anything else can leave /proc/sys.
bool is_well_formed(std::string_view key) {
  bool after_separator = true;
  for (const char c : key) {
    const bool separator = c == '.' || c == '/';
    if (separator ? after_separator : !is_plain(c)) return false;
    after_separator = separator;
  }
  return !after_separator;
}

Result<void> check_owner(const PodNamespacesRequest& request, std::string_view key, std::string_view value) {
  std::string dotted(key);
  std::replace(dotted.begin(), dotted.end(), '/', '.');
  if (dotted.starts_with("net.")) {
    return request.network ? Result<void>()
                           : refusal(key, value, "the pod shares the host's network namespace");
  }
  const bool ipc = dotted.starts_with("fs.mqueue.") ||
                   std::find(kIpcKeys.begin(), kIpcKeys.end(), dotted) != kIpcKeys.end();
  if (ipc)
    return request.ipc ? Result<void>() : refusal(key, value, "the pod shares the host's IPC namespace");
  return refusal(key, value, "it does not belong to a namespace of the pod");
}

}  // namespace

Result<void> check_pod_sysctls(const PodNamespacesRequest& request) {
  constexpr std::size_t kMaxKey = 256;
  constexpr std::size_t kMaxValue = 4000;  // the kernel takes a page
  for (const auto& [key, value] : request.sysctls) {
    if (key.empty()) return refusal(key, value, "the key is empty");
    if (key.size() > kMaxKey || !is_well_formed(key)) return refusal(key, value, "the key is malformed");
    if (value.empty()) return refusal(key, value, "the value is empty");
    if (value.size() > kMaxValue) return refusal(key, value, "the value is too long");
    const bool control = value.find('\n') != std::string::npos || value.find('\0') != std::string::npos;
    if (control) return refusal(key, "...", "the value contains a newline or a NUL");
    RETURN_IF_ERROR(check_owner(request, key, value));
  }
  return {};
}

}  // namespace berth::runtime
