// SPDX-License-Identifier: Apache-2.0
#include "ctl/resolve.hpp"

#include <set>

#include "base/cat.hpp"

namespace berth::ctl {
namespace {

constexpr std::size_t kIdLength = 64;

/// `objects` are pods or containers: what has id() and metadata().name().
template <class Objects>
Result<std::string> pick(const char* kind, const std::string& typed, const Objects& objects) {
  std::set<std::string> fitting;
  for (const auto& object : objects) {
    if (object.id().starts_with(typed) || object.metadata().name() == typed) fitting.insert(object.id());
  }
  if (typed.empty() || fitting.empty()) {
    return Error(Code::kNotFound, cat("there is no ", kind, " \"", typed, "\""));
  }
  if (fitting.size() > 1) {
    return Error(Code::kInvalidArgument,
                 cat("\"", typed, "\" fits ", fitting.size(), " ", kind, "s; say more of the ID"));
  }
  return *fitting.begin();
}

}  // namespace

Result<std::string> resolve_pod(Client& client, const std::string& typed) {
  if (typed.size() == kIdLength) return typed;
  ASSIGN_OR_RETURN(const auto listed, client.call(cri::ListPodSandboxRequest{}));
  return pick("pod sandbox", typed, listed.items());
}

Result<std::string> resolve_container(Client& client, const std::string& typed) {
  if (typed.size() == kIdLength) return typed;
  ASSIGN_OR_RETURN(const auto listed, client.call(cri::ListContainersRequest{}));
  return pick("container", typed, listed.containers());
}

}  // namespace berth::ctl
