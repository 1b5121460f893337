// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "ctl/context.hpp"

namespace CLI {
class App;
}

namespace berth::ctl {

/// A verb while the command line is described. The files of the verbs see the option parser through it
/// alone: its header would cost each of them six seconds of compilation. What values are written to must
/// outlive the parsing. Never reads the command line itself.
class Verb {
 public:
  Verb(CLI::App& app, Context& context) : app_(&app), context_(&context) {}

  /// A verb below this one, which then needs one of its own.
  Verb add(const std::string& name, const std::string& description);
  Verb& footer(const std::string& text);

  /// Positional arguments, in the order of the calls. All must be given.
  Verb& argument(const std::string& name, std::string& into, const std::string& description);
  Verb& argument(const std::string& name, std::string& into, const std::vector<std::string>& choices,
                 const std::string& description);
  /// All that is left of the line: at least one word.
  Verb& arguments(const std::string& name, std::vector<std::string>& into, const std::string& description);
  /// The same, and perhaps none.
  Verb& any_arguments(const std::string& name, std::vector<std::string>& into,
                      const std::string& description);

  /// `type` is how help names the value.
  Verb& option(const std::string& name, std::string& into, const std::string& type,
               const std::string& description);
  Verb& required_option(const std::string& name, std::string& into, const std::string& type,
                        const std::string& description);
  /// At most a day.
  Verb& seconds(const std::string& name, std::int64_t& into, const std::string& description);
  Verb& flag(const std::string& name, bool& into, const std::string& description);

  /// What is left to do when the line has been read and was this verb's.
  void runs(std::function<Result<int>(const Context&)> action);

 private:
  CLI::App* app_;
  Context* context_;
};

}  // namespace berth::ctl
