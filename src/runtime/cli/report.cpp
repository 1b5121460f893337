// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/report.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "base/cat.hpp"
#include "base/clock.hpp"
#include "base/dir.hpp"
#include "base/json.hpp"

namespace berth::runtime::cli {
namespace {

/// One line, whatever the sentence quotes.
std::string one_line(std::string text) {
  for (char& letter : text) {
    if (letter == '\n' || letter == '\r') letter = ' ';
  }
  return text;
}

std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  for (const char letter : text) {
    if (letter == '"' || letter == '\\') out.push_back('\\');
    out.push_back(letter);
  }
  return out + "\"";
}

void say(const Globals& globals, std::string_view level, const Error& error) {
  const std::string text = one_line(error.to_string());
  const std::string mark = level == "error" ? "" : cat(level, ": ");
  // Nothing can be done about an error that cannot be written.
  (void)write_fd(STDERR_FILENO, cat("berth-oci: ", mark, text, "\n"), "stderr");
  if (globals.log.empty()) return;
  const auto file = open_at(kCwd, globals.log, O_WRONLY | O_CREAT | O_APPEND, 0644);
  if (!file) return;
  const std::string now = rfc3339(now_ns());
  const std::string line = globals.log_json
                               ? to_text(Json{{"level", level}, {"msg", text}, {"time", now}})
                               : cat("time=", in_quotes(now), " level=", level, " msg=", in_quotes(text));
  (void)write_fd(file->get(), line + "\n", globals.log);
}

}  // namespace

void report(const Globals& globals, const Error& error) {
  say(globals, "error", error);
}

void warn(const Globals& globals, const Error& error) {
  say(globals, "warning", error);
}

}  // namespace berth::runtime::cli
