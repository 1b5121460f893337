// SPDX-License-Identifier: Apache-2.0
#include "runtime/capabilities.hpp"

#include <sys/capability.h>

#include <algorithm>
#include <cctype>
#include <set>

#include "base/cat.hpp"

namespace berth::runtime {
namespace {

constexpr unsigned kMaxCapabilities = 64;

std::string upper(std::string text) {
  for (char& letter : text) {
    if (letter >= 'a' && letter <= 'z') letter = static_cast<char>(letter - 'a' + 'A');
  }
  return text;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& letter : out) {
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  }
  return out;
}

std::uint64_t bit(unsigned number) {
  return std::uint64_t{1} << number;
}

}  // namespace

std::optional<unsigned> capability_number(std::string_view name) {
  // libcap also reads bare numbers and any case; the specification has only one spelling.
  if (name.substr(0, 4) != "CAP_" || name.size() > 64 || name.find('\0') != std::string_view::npos)
    return std::nullopt;
  const auto proper = [](char letter) { return (letter >= 'A' && letter <= 'Z') || letter == '_'; };
  if (!std::all_of(name.begin(), name.end(), proper)) return std::nullopt;
  cap_value_t number = 0;
  if (::cap_from_name(lower(name).c_str(), &number) != 0 || number < 0) return std::nullopt;
  return static_cast<unsigned>(number);
}

std::string capability_name(unsigned number) {
  char* name = ::cap_to_name(static_cast<cap_value_t>(number));
  if (name == nullptr) return cat("CAP_", number);
  std::string text = upper(name);
  ::cap_free(name);
  return text.substr(0, 4) == "CAP_" ? text : cat("CAP_", number);
}

std::vector<std::string> capability_names(std::uint64_t mask) {
  std::vector<std::string> names;
  for (unsigned number = 0; number < kMaxCapabilities; ++number) {
    if (mask & bit(number)) names.push_back(capability_name(number));
  }
  return names;
}

std::uint64_t capability_mask(const std::vector<std::string>& names, std::vector<std::string>& unknown) {
  std::uint64_t mask = 0;
  for (const std::string& name : names) {
    if (auto number = capability_number(name)) {
      mask |= bit(*number);
    } else if (std::find(unknown.begin(), unknown.end(), name) == unknown.end()) {
      unknown.push_back(name);
    }
  }
  return mask;
}

CapabilityMasks capability_masks(const oci::Capabilities& sets, std::vector<std::string>& unknown) {
  CapabilityMasks masks;
  masks.bounding = capability_mask(sets.bounding, unknown);
  masks.permitted = capability_mask(sets.permitted, unknown);
  masks.effective = capability_mask(sets.effective, unknown) & masks.permitted;
  capability_mask(sets.inheritable, unknown);
  masks.ambient = capability_mask(sets.ambient, unknown) & masks.permitted;
  masks.inheritable = masks.ambient;
  return masks;
}

std::uint64_t own_bounding_set() {
  static const std::uint64_t mask = [] {
    std::uint64_t found = 0;
    // cap_get_bound fails for the first number that the running kernel does not know.
    for (unsigned number = 0; number < kMaxCapabilities; ++number) {
      const int state = ::cap_get_bound(static_cast<cap_value_t>(number));
      if (state < 0) break;
      if (state > 0) found |= bit(number);
    }
    return found;
  }();
  return mask;
}

std::vector<std::string> clamp_capabilities(oci::Capabilities& sets, std::uint64_t available) {
  std::set<std::string> dropped;
  for (auto* names : {&sets.bounding, &sets.effective, &sets.permitted, &sets.inheritable, &sets.ambient}) {
    std::erase_if(*names, [&](const std::string& name) {
      const auto number = capability_number(name);
      if (number && (available & bit(*number))) return false;
      dropped.insert(name);
      return true;
    });
  }
  return {dropped.begin(), dropped.end()};
}

}  // namespace berth::runtime
