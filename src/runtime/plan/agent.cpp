// SPDX-License-Identifier: Apache-2.0
#include "base/cat.hpp"
#include "base/json.hpp"
#include "runtime/plan/parts.hpp"

namespace berth::runtime {

std::optional<SeccompAgent> seccomp_agent(const oci::Spec& spec, const std::string& id,
                                          const std::string& bundle) {
  if (!spec.linux_.seccomp || spec.linux_.seccomp->listener_path.empty()) return std::nullopt;
  Json state = {{"ociVersion", spec.oci_version}, {"id", id}, {"status", "creating"}, {"bundle", bundle}};
  if (!spec.annotations.empty()) state["annotations"] = spec.annotations;
  Json process = {{"ociVersion", spec.oci_version}, {"fds", {"seccompFd"}}};
  if (!spec.linux_.seccomp->listener_metadata.empty())
    process["metadata"] = spec.linux_.seccomp->listener_metadata;
  // The number of the process is known when there is one: the texts begin with "{".
  const std::string pid = cat("{\"pid\":", std::string(1, plan::kPidMark), ",");
  return SeccompAgent{spec.linux_.seccomp->listener_path,
                      cat(pid, "\"state\":", pid, to_text(state).substr(1), ",", to_text(process).substr(1))};
}

}  // namespace berth::runtime
