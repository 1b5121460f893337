// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/one_time_auth.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "base/cat.hpp"
#include "base/digest.hpp"
#include "base/dir.hpp"
#include "base/log.hpp"
#include "base/remove_tree.hpp"
#include "daemon/spec/validate.hpp"

namespace berth::daemon {
namespace {

constexpr std::size_t kMaxFile = 1U << 20;

std::string in_use(const std::string& dir) {
  return dir + "/in-use";
}

}  // namespace

Result<OneTimeAuth> OneTimeAuth::claim(const std::string& dir, const std::string& name_space,
                                       const std::string& image) {
  OneTimeAuth auth;
  if (dir.empty() || name_space.empty() || !exists(dir)) return auth;
  RETURN_IF_ERROR(validate_namespace(name_space));
  const std::string path = cat(dir, "/", name_space, "-", sha256(image).hex(), ".json");
  if (!exists(path)) return auth;
  RETURN_IF_ERROR(make_dirs(in_use(dir), 0700));
  const std::string taken = cat(in_use(dir), "/", name_space, "-", random_id(), ".json");
  if (::rename(path.c_str(), taken.c_str()) != 0) {
    if (errno == ENOENT) return auth;  // another pull has it
    return Error::from_errno(errno, "rename", path);
  }
  auth.path_ = taken;
  auto text = read_file(taken, kMaxFile);
  if (!text) return std::move(text).context("credentials of namespace " + name_space).error();
  auth.text_ = *std::move(text);
  return auth;
}

OneTimeAuth::~OneTimeAuth() {
  if (!path_.empty() && ::unlink(path_.c_str()) != 0)
    log::warn("a file of credentials stays",
              {{"error", Error::from_errno(errno, "unlink", path_).to_string()}});
}

void OneTimeAuth::clean_up(const std::string& dir) {
  if (dir.empty() || !exists(in_use(dir))) return;
  if (auto removed = remove_tree(in_use(dir)); !removed)
    log::warn("files of credentials stay", {{"error", removed.error().to_string()}});
}

}  // namespace berth::daemon
