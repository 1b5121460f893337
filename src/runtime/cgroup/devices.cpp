// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/devices.hpp"

#include <algorithm>
#include <utility>

#include "base/cat.hpp"

namespace berth::runtime::cgroup {
namespace {

// Linux device numbers as user space can write them: 12 and 20 bits.
constexpr std::int64_t kMaxMajor = 4095;
constexpr std::int64_t kMaxMinor = 1048575;

Error invalid(const oci::DeviceRule& rule, std::string_view problem) {
  const auto number = [](const std::optional<std::int64_t>& n) {
    return n ? std::to_string(*n) : std::string("*");
  };
  return {Code::kInvalidArgument, cat("device rule \"", rule.type, ' ', number(rule.major), ':',
                                      number(rule.minor), ' ', rule.access, "\" ", problem)};
}

Result<long> device_number(const oci::DeviceRule& rule, const std::optional<std::int64_t>& number,
                           std::int64_t highest) {
  if (!number || *number == -1) return -1L;  // the OCI specification's other spelling of "any"
  if (*number < 0 || *number > highest) return invalid(rule, "has a device number out of range");
  return static_cast<long>(*number);
}

Result<unsigned> access_mask(const oci::DeviceRule& rule) {
  if (rule.access.empty()) return kDeviceAll;
  unsigned mask = 0;
  for (const char letter : rule.access) {
    const unsigned bit = letter == 'r'   ? kDeviceRead
                         : letter == 'w' ? kDeviceWrite
                         : letter == 'm' ? kDeviceMknod
                                         : 0;
    if (bit == 0) return invalid(rule, "has an access other than r, w and m");
    mask |= bit;
  }
  return mask;
}

Result<DeviceMatch> check_rule(const oci::DeviceRule& rule) {
  if (rule.type != 'a' && rule.type != 'b' && rule.type != 'c')
    return invalid(rule, "has a type other than a, b and c");
  DeviceMatch match;
  match.allow = rule.allow;
  match.block = rule.type == 'b';
  ASSIGN_OR_RETURN(match.major, device_number(rule, rule.major, kMaxMajor));
  ASSIGN_OR_RETURN(match.minor, device_number(rule, rule.minor, kMaxMinor));
  ASSIGN_OR_RETURN(match.access, access_mask(rule));
  return match;
}

bool covers(const DeviceMatch& wide, const DeviceMatch& narrow) {
  return wide.block == narrow.block && (wide.major == -1 || wide.major == narrow.major) &&
         (wide.minor == -1 || wide.minor == narrow.minor);
}

bool meet(const DeviceMatch& a, const DeviceMatch& b) {
  const auto overlap = [](long x, long y) { return x == -1 || y == -1 || x == y; };
  return a.block == b.block && overlap(a.major, b.major) && overlap(a.minor, b.minor) &&
         (a.access & b.access) != 0;
}

bool is_everything(const DeviceMatch& match) {
  return match.major == -1 && match.minor == -1 && match.access == kDeviceAll;
}

std::string text_of(const DeviceMatch& match) {
  const auto number = [](long n) { return n == -1 ? std::string("*") : std::to_string(n); };
  std::string text = cat(match.block ? 'b' : 'c', ' ', number(match.major), ':', number(match.minor), ' ');
  if ((match.access & kDeviceRead) != 0) text += 'r';
  if ((match.access & kDeviceWrite) != 0) text += 'w';
  if ((match.access & kDeviceMknod) != 0) text += 'm';
  return text;
}

// A rule of the default's own kind takes back earlier exceptions, whole ones only.
Result<void> take_back(std::vector<DeviceMatch>& exceptions, const DeviceMatch& rule) {
  for (DeviceMatch& exception : exceptions) {
    if (!meet(exception, rule)) continue;
    if (!covers(rule, exception)) {
      return Error(Code::kInvalidArgument,
                   cat("device rule \"", text_of(rule), "\" takes a part of \"", text_of(exception),
                       "\", which the v1 devices controller cannot express"));
    }
    exception.access &= ~rule.access;
  }
  std::erase_if(exceptions, [](const DeviceMatch& exception) { return exception.access == 0; });
  return {};
}

}  // namespace

std::vector<oci::DeviceRule> default_device_rules() {
  std::vector<oci::DeviceRule> rules = {{true, 'c', {}, {}, "m"}, {true, 'b', {}, {}, "m"}};
  // null, zero, full, random, urandom, tty, console, ptmx
  for (const auto& [major, minor] :
       {std::pair{1, 3}, {1, 5}, {1, 7}, {1, 8}, {1, 9}, {5, 0}, {5, 1}, {5, 2}}) {
    rules.push_back({true, 'c', major, minor, "rwm"});
  }
  rules.push_back({true, 'c', 136, {}, "rwm"});  // pseudo-terminals
  return rules;
}

Result<std::vector<DeviceMatch>> device_matches(const std::vector<oci::DeviceRule>& rules) {
  std::vector<DeviceMatch> matches;
  for (const oci::DeviceRule& rule : rules) {
    ASSIGN_OR_RETURN(DeviceMatch match, check_rule(rule));
    if (rule.type == 'a' && is_everything(match)) matches.clear();
    matches.push_back(match);
    if (rule.type != 'a') continue;
    match.block = true;
    matches.push_back(match);
  }
  return matches;
}

Result<std::vector<DeviceWrite>> v1_device_writes(const std::vector<oci::DeviceRule>& rules) {
  std::vector<DeviceWrite> writes;
  if (rules.empty()) return writes;
  ASSIGN_OR_RETURN(const std::vector<DeviceMatch> matches, device_matches(rules));
  // Two leading matches of the same kind that cover everything are what an "a" rule became.
  const bool allow_all = matches.size() >= 2 && matches[0].allow && matches[1].allow &&
                         is_everything(matches[0]) && is_everything(matches[1]) &&
                         matches[0].block != matches[1].block;
  std::vector<DeviceMatch> exceptions;
  for (std::size_t i = allow_all ? 2 : 0; i < matches.size(); ++i) {
    if (matches[i].allow == allow_all) {
      RETURN_IF_ERROR(take_back(exceptions, matches[i]));
    } else {
      exceptions.push_back(matches[i]);
    }
  }
  writes.push_back({allow_all ? "devices.allow" : "devices.deny", "a"});
  for (const DeviceMatch& exception : exceptions) {
    writes.push_back({allow_all ? "devices.deny" : "devices.allow", text_of(exception)});
  }
  return writes;
}

}  // namespace berth::runtime::cgroup
