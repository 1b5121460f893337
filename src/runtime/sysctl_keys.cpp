// SPDX-License-Identifier: Apache-2.0
#include "runtime/sysctl_keys.hpp"

#include <algorithm>
#include <array>

#include "base/cat.hpp"

namespace berth::runtime {
namespace {

constexpr std::array<std::string_view, 8> kIpcKeys = {
    "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem",
    "kernel.shmall", "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced"};

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

}  // namespace

Error sysctl_refusal(std::string_view key, std::string_view value, std::string_view why) {
  constexpr std::size_t kShown = 200;
  return {Code::kInvalidArgument,
          cat("sysctl \"", key.substr(0, kShown), "\" = \"", value.substr(0, kShown), "\": ", why)};
}

Result<void> check_sysctl_form(std::string_view key, std::string_view value) {
  constexpr std::size_t kMaxKey = 256;
  constexpr std::size_t kMaxValue = 4000;  // the kernel takes a page
  if (key.empty()) return sysctl_refusal(key, value, "the key is empty");
  if (key.size() > kMaxKey || !is_well_formed(key)) return sysctl_refusal(key, value, "the key is malformed");
  if (value.empty()) return sysctl_refusal(key, value, "the value is empty");
  if (value.size() > kMaxValue) return sysctl_refusal(key, value, "the value is too long");
  const bool control =
      value.find('\n') != std::string_view::npos || value.find('\0') != std::string_view::npos;
  if (control) return sysctl_refusal(key, "...", "the value contains a newline or a NUL");
  return {};
}

std::optional<oci::NamespaceType> sysctl_owner(std::string_view key) {
  std::string dotted(key);
  std::replace(dotted.begin(), dotted.end(), '/', '.');
  if (dotted.starts_with("net.")) return oci::NamespaceType::kNetwork;
  const bool ipc = dotted.starts_with("fs.mqueue.") ||
                   std::find(kIpcKeys.begin(), kIpcKeys.end(), dotted) != kIpcKeys.end();
  if (ipc) return oci::NamespaceType::kIpc;
  if (dotted == "kernel.domainname") return oci::NamespaceType::kUts;
  return std::nullopt;
}

std::string sysctl_path(std::string_view key) {
  std::string path(key);
  // As in sysctl(8): whichever separator comes first separates; the other one is part of a name
  // ("net/ipv4/conf/eth0.5/forwarding" and "net.ipv4.conf.eth0/5.forwarding" are the same).
  const bool dots = path.find('/') == std::string::npos || path.find('.') < path.find('/');
  if (dots) {
    for (char& c : path) c = c == '.' ? '/' : c == '/' ? '.' : c;
  }
  return path;
}

}  // namespace berth::runtime
