// SPDX-License-Identifier: Apache-2.0
#include "daemon/config.hpp"

#include <sys/stat.h>

#include <algorithm>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "daemon/config_keys.hpp"
#include "daemon/config_toml.hpp"

namespace berth::daemon {
namespace {

constexpr std::size_t kMaxFile = 1 << 20;

Result<void> merge_file(const std::string& path, const std::string& origin, LoadedConfig& into) {
  ASSIGN_OR_RETURN(const std::string text, read_file(path, kMaxFile));
  return merge_toml(text, path, origin, into);
}

std::string file_name(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

/// Names of a drop-in folder that count, in order. No folder is no drop-ins.
Result<std::vector<std::string>> drop_ins(const std::string& dir) {
  std::vector<std::string> names;
  if (!exists(dir)) return names;
  ASSIGN_OR_RETURN(names, list_dir(dir));
  std::erase_if(names,
                [](const std::string& name) { return !name.ends_with(".toml") || name.front() == '.'; });
  std::ranges::sort(names);
  return names;
}

}  // namespace

Result<LoadedConfig> load_config(const std::string& path, bool required) {
  LoadedConfig loaded;
  for (const auto& key : config_keys()) loaded.origins[key.path()] = "default";
  if (required || exists(path)) {
    RETURN_IF_ERROR(merge_file(path, file_name(path), loaded));
  }
  const std::string dir = path + ".d";
  ASSIGN_OR_RETURN(const std::vector<std::string> names, drop_ins(dir));
  for (const auto& name : names) {
    RETURN_IF_ERROR(merge_file(cat(dir, "/", name), cat(file_name(dir), "/", name), loaded));
  }
  return loaded;
}

}  // namespace berth::daemon
