// SPDX-License-Identifier: Apache-2.0
#include "netcni/plugin_exec.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cat.hpp"
#include "base/json.hpp"
#include "base/subprocess.hpp"
#include "netcni/names.hpp"
#include "netcni/result.hpp"

namespace berth::netcni {
namespace {

constexpr std::size_t kExcerpt = 200;
constexpr std::size_t kMaxMessage = 1000;

std::string joined(const std::vector<std::string>& texts, std::string_view separator) {
  std::string all;
  for (const std::string& text : texts) all += cat(all.empty() ? "" : separator, text);
  return all;
}

bool is_program(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) &&
         ::faccessat(AT_FDCWD, path.c_str(), X_OK, AT_EACCESS) == 0;
}

// The daemon's own environment is not for plugins: it may hold proxies and credentials.
std::vector<std::string> environment(const PluginHost& host, std::string_view verb,
                                     const Arguments& arguments) {
  return {cat("CNI_COMMAND=", verb),
          cat("CNI_CONTAINERID=", arguments.container_id),
          cat("CNI_NETNS=", arguments.netns),
          cat("CNI_IFNAME=", arguments.ifname),
          cat("CNI_ARGS=", arguments.cni_args),
          cat("CNI_PATH=", joined(host.bin_dirs, ":")),
          "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"};
}

std::string text_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  const std::string* text = found == object.end() ? nullptr : found->get_ptr<const std::string*>();
  return text == nullptr ? "" : printable(*text, kMaxMessage);
}

// Well-known codes: 11 is "try again later", 50 and 51 come from STATUS-aware plugins that cannot serve now.
Code code_of(const Json& number) {
  return number == 11 || number == 50 || number == 51 ? Code::kUnavailable : Code::kInternal;
}

}  // namespace

Result<std::string> find_plugin(const std::vector<std::string>& bin_dirs, const std::string& type) {
  RETURN_IF_ERROR(check_plugin_type(type));
  for (const std::string& dir : bin_dirs) {
    std::string path = cat(dir, "/", type);
    if (is_program(path)) return path;
  }
  return Error(Code::kFailedPrecondition, cat("no executable \"", type, "\" in ", joined(bin_dirs, ", ")));
}

Error plugin_failure(std::string_view status, std::string_view out, std::string_view err) {
  const auto parsed = parse_json(out, kMaxPluginOutput, "plugin error");
  const bool is_error =
      parsed && parsed->is_object() && parsed->contains("code") && (*parsed)["code"].is_number_integer();
  if (is_error) {
    const std::string details = text_of(*parsed, "details");
    return {code_of((*parsed)["code"]), cat(text_of(*parsed, "msg"), details.empty() ? "" : ": ", details,
                                            " (code ", to_text((*parsed)["code"]), ")")};
  }
  std::string message = cat(status, " without a CNI error on stdout");
  if (!out.empty()) message += cat(", but \"", printable(out, kExcerpt), "\"");
  if (!err.empty()) message += cat("; stderr: \"", printable(err, kExcerpt), "\"");
  return {Code::kInternal, std::move(message)};
}

Result<std::string> run_plugin(const PluginHost& host, const std::string& type, std::string_view verb,
                               const Arguments& arguments, std::string_view input, std::stop_token cancel) {
  SpawnRequest request;
  ASSIGN_OR_RETURN(request.program, find_plugin(host.bin_dirs, type));
  request.argv = {request.program};
  request.env = environment(host, verb, arguments);
  request.new_session = true;  // its children die with it
  const auto deadline = std::chrono::steady_clock::now() + host.timeout;
  ASSIGN_OR_RETURN(Completed done,
                   run_to_end(std::move(request), input, kMaxPluginOutput + 1, deadline, std::move(cancel)));
  if (done.out.size() > kMaxPluginOutput)
    return Error(Code::kInternal, cat("printed more than ", kMaxPluginOutput, " bytes"));
  if (done.wait_status != 0)
    return plugin_failure(describe_wait_status(done.wait_status), done.out, done.err);
  return std::move(done.out);
}

}  // namespace berth::netcni
