// SPDX-License-Identifier: Apache-2.0
#include <sys/utsname.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/json.hpp"
#include "runtime/oci/spec_parse.hpp"
#include "runtime/seccomp_arch.hpp"
#include "runtime/seccomp_program.hpp"

namespace berth::runtime {
namespace {

constexpr std::size_t kMaxProfile = 1U << 20;

using oci::ObjectReader;

bool contains(const std::vector<std::string>& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

struct Condition {
  std::vector<std::string> caps;
  std::vector<std::string> arches;
  std::string min_kernel;
};

void read_condition(ObjectReader& from, Condition& out) {
  from.read("caps", out.caps);
  from.read("arches", out.arches);
  from.read("minKernel", out.min_kernel);
}

struct KernelVersion {
  unsigned major = 0, minor = 0;
};

/// "6.1.0-rc2" and the like: only the first two numbers are compared.
bool parse_version(std::string_view text, KernelVersion& out) {
  const char* end = text.data() + text.size();
  const auto major = std::from_chars(text.data(), end, out.major);
  if (major.ec != std::errc() || major.ptr == end || *major.ptr != '.') return false;
  return std::from_chars(major.ptr + 1, end, out.minor).ec == std::errc();
}

bool kernel_is_at_least(const KernelVersion& wanted) {
  utsname names{};
  KernelVersion running;
  if (::uname(&names) != 0 || !parse_version(names.release, running)) return false;
  return running.major != wanted.major ? running.major > wanted.major : running.minor >= wanted.minor;
}

/// One rule of a profile, in the form that engines share: the runtime-spec's plus conditions.
class RuleReader {
 public:
  explicit RuleReader(const std::vector<std::string>& capabilities) : capabilities_(capabilities) {}

  void read(ObjectReader& from, std::vector<oci::SeccompRule>& out) const {
    oci::SeccompRule rule;
    oci::read_seccomp_rule(from, rule);
    std::string name;
    from.read("name", name);
    if (!name.empty() && !rule.names.empty()) return from.fail("name", "and \"names\" exclude each other");
    if (!name.empty()) rule.names.push_back(name);
    Condition includes, excludes;
    from.object("includes", [&](ObjectReader& condition) { read_condition(condition, includes); });
    from.object("excludes", [&](ObjectReader& condition) { read_condition(condition, excludes); });
    KernelVersion kernel;
    if (!includes.min_kernel.empty() && !parse_version(includes.min_kernel, kernel)) {
      return from.fail("includes", "names no kernel version");
    }
    if (applies(includes, excludes, kernel)) out.push_back(std::move(rule));
  }

 private:
  bool applies(const Condition& includes, const Condition& excludes, const KernelVersion& kernel) const {
    const auto held = [&](const std::string& name) { return contains(capabilities_, name); };
    if (!std::all_of(includes.caps.begin(), includes.caps.end(), held)) return false;
    if (std::any_of(excludes.caps.begin(), excludes.caps.end(), held)) return false;
    if (!includes.arches.empty() && !contains(includes.arches, native_architecture_word())) return false;
    if (contains(excludes.arches, native_architecture_word())) return false;
    return includes.min_kernel.empty() || kernel_is_at_least(kernel);
  }

  const std::vector<std::string>& capabilities_;
};

/// "archMap" lists, per machine, which further architectures its kernel runs.
void read_arch_map(ObjectReader& from, std::vector<std::string>& out) {
  const std::vector<std::string> native = native_seccomp_architectures();
  from.each("archMap", [&](ObjectReader& entry) {
    std::string architecture;
    std::vector<std::string> more;
    entry.read("architecture", architecture);
    entry.read("subArchitectures", more);
    if (native.empty() || architecture != native.front()) return;
    out.push_back(architecture);
    out.insert(out.end(), more.begin(), more.end());
  });
}

}  // namespace

Result<oci::Seccomp> parse_seccomp_profile(std::string_view text,
                                           const std::vector<std::string>& capabilities) {
  ASSIGN_OR_RETURN(const Json document, parse_json(text, kMaxProfile, "seccomp profile"));
  std::optional<Error> failure;
  ObjectReader reader(document, "", failure);
  oci::Seccomp profile;
  reader.read("defaultAction", profile.default_action);
  reader.read("defaultErrnoRet", profile.default_errno_ret);
  reader.read("architectures", profile.architectures);
  reader.read("flags", profile.flags);
  reader.read("listenerPath", profile.listener_path);
  reader.read("listenerMetadata", profile.listener_metadata);
  if (profile.architectures.empty()) {
    read_arch_map(reader, profile.architectures);
  } else if (reader.has("archMap")) {
    reader.fail("archMap", "and \"architectures\" exclude each other");
  }
  const RuleReader rules(capabilities);
  reader.each("syscalls", [&](ObjectReader& rule) { rules.read(rule, profile.syscalls); });
  if (!failure && profile.default_action.empty()) reader.fail("defaultAction", "is missing");
  if (failure) return *std::move(failure);
  return profile;
}

}  // namespace berth::runtime
