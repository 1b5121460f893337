// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <functional>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "runtime/cli/container.hpp"
#include "runtime/cli/criu_wire.hpp"

namespace berth::runtime::cli {

/// The flags of CRIU that `checkpoint` and `restore` share.
inline constexpr Option kCriuOptions[] = {
    {"image-path", '\0', "DIR", "Where the images are [./checkpoint]"},
    {"work-path", '\0', "DIR", "Where CRIU's log goes [as --image-path]"},
    {"tcp-established", '\0', "", "Allow open TCP connections"},
    {"tcp-skip-in-flight", '\0', "", "Leave out TCP connections that are not accepted yet"},
    {"tcp-close", '\0', "", "Close TCP connections"},
    {"ext-unix-sk", '\0', "", "Allow Unix sockets that lead outside"},
    {"shell-job", '\0', "", "Allow a terminal that is not the container's own"},
    {"file-locks", '\0', "", "Allow file locks"},
    {"manage-cgroups-mode", '\0', "MODE", "soft, full, strict or ignore [soft]"},
    {"empty-ns", '\0', "NAMESPACE", "Make it anew, and leave its content out; only network"},
    {"auto-dedup", '\0', "", "Drop what a later image has, too"},
    {"lazy-pages", '\0', "", "Not supported"},
    {"lsm-profile", '\0', "NAME", "Not supported"},
    {"lsm-mount-context", '\0', "LABEL", "Not supported"},
};

/// A verb's own flags and these.
template <std::size_t kOwn>
constexpr auto with_criu_options(const Option (&own)[kOwn]) {
  std::array<Option, kOwn + std::size(kCriuOptions)> all{};
  for (std::size_t i = 0; i < kOwn; ++i) all[i] = own[i];
  for (std::size_t i = 0; i < std::size(kCriuOptions); ++i) all[kOwn + i] = kCriuOptions[i];
  return all;
}

/// One run of CRIU: what it shall do, and what it gets.
struct CriuJob {
  CriuAction action;
  CriuOptions options;
  std::string image_path, work_path;                  ///< as given, for what is told
  UniqueFd images, work;                              ///< options.images_fd and work_fd
  std::vector<std::pair<UniqueFd, int>> descriptors;  ///< more of ours, and CRIU's number for them
  std::string root;                                   ///< restore: what is attached at options.root
  cgroup::JoinFds* group = nullptr;                   ///< that CRIU itself is to be in
  /// What CRIU says on the way; `fd` comes with "orphan-pts-master". An error ends it.
  std::function<Result<void>(const CriuReply& reply, UniqueFd fd)> notified;
};

/// What the flags say, with the directories open. kInvalidArgument or kUnimplemented by name.
Result<CriuJob> read_criu_job(CriuAction action, const Context& context);

/// Numbers of CRIU's descriptors from which on a job's own may be.
inline constexpr int kFirstCriuDescriptor = 4;

/// Runs `criu swrk` from PATH, a child of this process, to its last word: the process that was
/// restored, or 0. An error says why in CRIU's words, and which file says more; and what `criu
/// check` finds, if anything. kFailedPrecondition when CRIU is not installed.
Result<pid_t> run_criu(CriuJob& job, char** environment);

}  // namespace berth::runtime::cli
