// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "runtime/cli/verb.hpp"

namespace berth::runtime::cli {
namespace {

constexpr std::array<const Verb*, 18> kVerbs = {
    &kCreate, &kStart,  &kRun,    &kState,  &kKill, &kDelete,   &kList,       &kPs,      &kExec,
    &kPause,  &kResume, &kUpdate, &kEvents, &kSpec, &kFeatures, &kCheckpoint, &kRestore, &kCompletion};

constexpr Option kGlobalOptions[] = {
    {"root", '\0', "DIR", "Containers' state [/run/berth-oci; $XDG_RUNTIME_DIR/berth-oci without root]"},
    {"log", '\0', "FILE", "Append errors to this file, too"},
    {"log-format", '\0', "FORMAT", "Of that file: text or json [text]"},
    {"log-level", '\0', "LEVEL", "debug, info, warn or error [warn]"},
    {"debug", '\0', "", "As --log-level debug"},
    {"systemd-cgroup", '\0', "", "As --cgroup-manager systemd"},
    {"cgroup-manager", '\0', "NAME", "Who makes cgroups: cgroupfs or systemd [cgroupfs]"},
    {"rootless", '\0', "WHEN", "auto, or what this process is, true or false"},
    {"help", 'h', "", "Print help"},
    {"version", 'v', "", "Print the version"},
};

}  // namespace

std::span<const Verb* const> verbs() {
  return kVerbs;
}

const Verb* find_verb(std::string_view name) {
  for (const Verb* verb : kVerbs) {
    if (verb->name == name) return verb;
  }
  return nullptr;
}

std::span<const Option> global_options() {
  return kGlobalOptions;
}

}  // namespace berth::runtime::cli
