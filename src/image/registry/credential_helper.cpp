// SPDX-License-Identifier: Apache-2.0
#include "image/registry/credential_helper.hpp"

#include <algorithm>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "base/json.hpp"
#include "base/subprocess.hpp"

namespace berth::image {
namespace {

constexpr std::size_t kMaxHelperAnswer = 64U << 10;
constexpr std::chrono::seconds kHelperPatience{30};
constexpr std::string_view kUnknownServer = "credentials not found";

// The name becomes part of a path.
bool is_helper_name(std::string_view name) {
  return !name.empty() && name.size() < 128 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
}

Result<std::string> find_helper_program(const std::vector<std::string>& dirs, const std::string& name) {
  if (!is_helper_name(name))
    return Error(Code::kInvalidArgument,
                 cat("\"", name.substr(0, 100), "\" is not the name of a credential helper"));
  const std::string program = "docker-credential-" + name;
  std::string looked;
  for (const std::string& dir : dirs) {
    if (std::string path = cat(dir, "/", program); exists(path)) return path;
    looked += cat(looked.empty() ? "" : ", ", dir);
  }
  return Error(Code::kNotFound, cat(program, " is in none of ", looked.empty() ? "no directories" : looked));
}

// Helpers start others: those of clouds are scripts around their tools.
std::string search_path(const std::vector<std::string>& dirs) {
  std::string path = "PATH=";
  for (const std::string& dir : dirs) path += dir + ":";
  return path + "/usr/sbin:/usr/bin:/sbin:/bin";
}

}  // namespace

Result<Credentials> parse_helper_answer(std::string_view text) {
  constexpr std::string_view kSubject = "the credential helper's answer";
  ASSIGN_OR_RETURN(const Json document, parse_json(text, kMaxHelperAnswer, kSubject));
  if (!document.is_object()) return Error(Code::kInvalidArgument, cat(kSubject, " is not an object"));
  Credentials credentials;
  ASSIGN_OR_RETURN(credentials.username, json_string_or(document, "Username", "", kSubject));
  ASSIGN_OR_RETURN(std::string secret, json_string_or(document, "Secret", "", kSubject));
  if (credentials.username == "<token>") {
    credentials.username.clear();
    credentials.identity_token = std::move(secret);
  } else {
    credentials.password = std::move(secret);
  }
  return credentials;
}

Result<std::optional<Credentials>> ask_credential_helper(const std::vector<std::string>& dirs,
                                                         const std::string& name, const std::string& server,
                                                         std::stop_token cancel) {
  ASSIGN_OR_RETURN(const std::string program, find_helper_program(dirs, name));
  SpawnRequest request;
  request.program = program;
  request.argv = {program, "get"};
  request.env = {search_path(dirs), "HOME=/root"};
  request.new_session = true;
  ASSIGN_OR_RETURN(const Completed done,
                   run_to_end(std::move(request), server, kMaxHelperAnswer + 1,
                              std::chrono::steady_clock::now() + kHelperPatience, std::move(cancel)));
  if (done.wait_status != 0) {
    // The protocol says it on standard output, in words.
    if (done.out.starts_with(kUnknownServer)) return std::optional<Credentials>();
    return Error(Code::kUnavailable, cat(program, " failed with ", describe_wait_status(done.wait_status)));
  }
  auto credentials = parse_helper_answer(done.out);
  if (!credentials) return std::move(credentials).context(program).error();
  return std::optional<Credentials>(*std::move(credentials));
}

}  // namespace berth::image
