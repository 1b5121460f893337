// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/group_path.hpp"

#include <algorithm>

#include "base/cat.hpp"

namespace berth::runtime::cgroup {
namespace {

// PATH_MAX less the room for a file name of a controller.
constexpr std::size_t kMaxPath = 3800;
constexpr std::size_t kMaxName = 255;

Error refusal(std::string_view what, std::string_view problem) {
  return {Code::kInvalidArgument, cat("cgroup path \"", what.substr(0, kMaxName), "\" ", problem)};
}

}  // namespace

Result<void> check_group_name(std::string_view name) {
  if (name.empty()) return refusal(name, "has an empty component");
  if (name == "." || name == "..") return refusal(name, cat("has the component \"", name, "\""));
  if (name.size() > kMaxName) return refusal(name, "has a component of more than 255 bytes");
  const auto unfit = [](char c) { return c == '/' || static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (std::any_of(name.begin(), name.end(), unfit))
    return refusal(name, "has a slash or a control character in a name");
  return {};
}

Result<void> check_group_path(const std::string& path) {
  if (path.empty() || path.front() != '/') return refusal(path, "is not absolute");
  if (path == "/") return refusal(path, "is the root of the machine");
  if (path.size() > kMaxPath) return refusal(path, cat("is longer than ", kMaxPath, " bytes"));
  std::string_view rest = std::string_view(path).substr(1);
  for (;;) {
    const std::size_t slash = rest.find('/');
    RETURN_IF_ERROR(check_group_name(rest.substr(0, slash)).context(cat("cgroup path \"", path, "\"")));
    if (slash == std::string_view::npos) return {};
    rest.remove_prefix(slash + 1);
  }
}

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

std::string below_root(std::string_view group, std::string_view file) {
  while (!group.empty() && group.front() == '/') group.remove_prefix(1);
  if (group.empty()) return std::string(file.empty() ? "." : file);
  return file.empty() ? std::string(group) : cat(group, '/', file);
}

}  // namespace berth::runtime::cgroup
