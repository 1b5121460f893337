// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "runtime/cli/arguments.hpp"

/// berth-oci: the runtime behind the runc command line. Each verb is one short process.
namespace berth::runtime::cli {

/// What stands before the verb.
struct Globals {
  std::string root;
  std::string log;  ///< file that errors are appended to; empty: none
  bool log_json = false;
  bool debug = false;
  bool rootless = false;        ///< this process is not root of the machine
  bool systemd_cgroup = false;  ///< for what is created; what exists has it in its record
};

struct Context {
  Globals globals;
  Arguments arguments;
  char** environment = nullptr;  ///< of this process
};

/// One verb of the command line; its file defines it, verbs.cpp lists it.
struct Verb {
  std::string_view name;
  std::string_view words;  ///< "CONTAINER [SIGNAL]", for the help
  std::string_view summary;
  std::span<const Option> options;
  std::size_t least_words = 0;
  std::size_t most_words = 0;
  bool takes_command = false;  ///< the first word ends the flags
  /// The exit status.
  Result<int> (*run)(const Context&) = nullptr;
  int failure_status = 1;  ///< when run() returns an error
};

extern const Verb kCheckpoint, kCompletion, kCreate, kDelete, kEvents, kExec, kFeatures, kKill, kList, kPause,
    kPs, kRestore, kResume, kRun, kSpec, kStart, kState, kUpdate;

/// All, in the order of the help.
std::span<const Verb* const> verbs();
/// Null when there is none of that name.
const Verb* find_verb(std::string_view name);
std::span<const Option> global_options();

/// One command line, argv[0] not included; the exit status.
int run_command_line(std::span<const std::string> line, char** environment);

/// Writes all of it to stdout.
Result<void> print(std::string_view text);

}  // namespace berth::runtime::cli
