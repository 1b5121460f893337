// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "runtime/cli/bundle.hpp"
#include "runtime/cli/container.hpp"
#include "runtime/cli/verb.hpp"
#include "runtime/oci/spec_json.hpp"

namespace berth::runtime::cli {
namespace {

constexpr Option kUpdateOptions[] = {
    {"resources", 'r', "FILE", "linux.resources as JSON; -: from stdin"},
    {"cpu-period", '\0', "USEC", "CPU period"},
    {"cpu-quota", '\0', "USEC", "CPU time per period; -1: unlimited"},
    {"cpu-share", '\0', "N", "CPU shares"},
    {"cpuset-cpus", '\0', "LIST", "CPUs"},
    {"cpuset-mems", '\0', "LIST", "Memory nodes"},
    {"memory", '\0', "BYTES", "Memory limit; -1: unlimited"},
    {"memory-reservation", '\0', "BYTES", "Soft memory limit"},
    {"memory-swap", '\0', "BYTES", "Memory and swap together; -1: unlimited"},
    {"pids-limit", '\0', "N", "Processes; -1: unlimited"},
};
constexpr std::size_t kMaxResources = 1U << 20;

Result<oci::Resources> read_resources_file(const std::string& path) {
  std::string text;
  if (path == "-") {
    ASSIGN_OR_RETURN(text, read_fd(STDIN_FILENO, kMaxResources, "stdin"));
  } else {
    ASSIGN_OR_RETURN(text, read_file(path, kMaxResources));
  }
  return oci::parse_resources(text);
}

template <class Number>
Result<void> set(const Arguments& line, std::string_view flag, std::int64_t least,
                 std::optional<Number>& out) {
  ASSIGN_OR_RETURN(const auto value, line.number(flag, least));
  if (value) out = static_cast<Number>(*value);
  return {};
}

Result<oci::Resources> wanted(const Arguments& line) {
  if (line.has("resources")) return read_resources_file(line.text("resources"));
  oci::Resources resources;
  RETURN_IF_ERROR(set(line, "cpu-period", 0, resources.cpu_period));
  RETURN_IF_ERROR(set(line, "cpu-quota", -1, resources.cpu_quota));
  RETURN_IF_ERROR(set(line, "cpu-share", 0, resources.cpu_shares));
  RETURN_IF_ERROR(set(line, "memory", -1, resources.memory_limit));
  RETURN_IF_ERROR(set(line, "memory-reservation", -1, resources.memory_reservation));
  RETURN_IF_ERROR(set(line, "memory-swap", -1, resources.memory_swap));
  RETURN_IF_ERROR(set(line, "pids-limit", -1, resources.pids_limit));
  resources.cpuset_cpus = line.text("cpuset-cpus");
  resources.cpuset_mems = line.text("cpuset-mems");
  return resources;
}

Result<int> run_update(const Context& context) {
  ASSIGN_OR_RETURN(Container container, Container::open(context, context.arguments.words.front()));
  RETURN_IF_ERROR(container.lock());
  ASSIGN_OR_RETURN(oci::Resources resources, wanted(context.arguments));
  add_default_rules(resources.devices);
  if (container.status() == Status::kStopped)
    return Error(Code::kFailedPrecondition,
                 cat("cannot update container ", container.id(), ": it is stopped"));
  ASSIGN_OR_RETURN(cgroup::Manager* const cgroups, container.cgroups());
  RETURN_IF_ERROR(cgroups->update(container.record().cgroup, resources));
  return 0;
}

}  // namespace

const Verb kUpdate = {"update", "CONTAINER", "Change a container's limits", kUpdateOptions, 1, 1,
                      false,    run_update};

}  // namespace berth::runtime::cli
