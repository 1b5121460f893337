// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/systemd_names.hpp"

#include <algorithm>

#include "base/cat.hpp"
#include "runtime/cgroup/group_path.hpp"

namespace berth::runtime::cgroup {
namespace {

constexpr std::string_view kSlice = ".slice";
constexpr std::string_view kScope = ".scope";
constexpr std::size_t kMaxUnitName = 255;

Error bad_unit(std::string_view name, std::string_view problem) {
  return {Code::kInvalidArgument, cat("\"", name.substr(0, kMaxUnitName), "\" ", problem)};
}

bool is_unit_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view(":-_.\\@").find(c) != std::string_view::npos;
}

std::string_view last_component(std::string_view path) {
  while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
  return path.substr(path.rfind('/') + 1);
}

}  // namespace

Result<void> check_unit_name(std::string_view name) {
  const bool typed = name.ends_with(kSlice) || name.ends_with(kScope);
  if (!typed || name.size() <= kSlice.size())
    return bad_unit(name, "is not the name of a systemd slice or scope");
  if (name.size() > kMaxUnitName)
    return bad_unit(name, "is longer than the 255 bytes of a systemd unit's name");
  if (!std::all_of(name.begin(), name.end(), is_unit_character))
    return bad_unit(name, "has a character that systemd's unit names do not have");
  return {};
}

Result<std::string> expand_slice(std::string_view slice) {
  if (!slice.ends_with(kSlice)) return bad_unit(slice, "is not the name of a systemd slice");
  if (slice == "-.slice") return std::string("/");
  RETURN_IF_ERROR(check_unit_name(slice));
  const std::string_view stem = slice.substr(0, slice.size() - kSlice.size());
  if (stem.front() == '-' || stem.back() == '-' || stem.find("--") != std::string_view::npos)
    return bad_unit(slice, "has an empty part in its hierarchy of slices");
  std::string path;
  for (std::size_t dash = stem.find('-');; dash = stem.find('-', dash + 1)) {
    path.append("/").append(stem.substr(0, dash)).append(kSlice);
    if (dash == std::string_view::npos) break;
  }
  // Each dash repeats what is before it: 250 bytes of a name can be 16,000 of a path.
  RETURN_IF_ERROR(check_group_path(path).context(cat("slice \"", slice, "\"")));
  return path;
}

Result<std::string> systemd_group_path(std::string_view cgroups_path, std::string_view id,
                                       std::string_view default_slice) {
  std::string slice(default_slice);
  std::string unit = cat("berth-", id, kScope);
  if (!cgroups_path.empty()) {
    const std::size_t first = cgroups_path.find(':');
    const std::size_t second = first == std::string_view::npos ? first : cgroups_path.find(':', first + 1);
    if (second == std::string_view::npos || cgroups_path.find(':', second + 1) != std::string_view::npos)
      return bad_unit(cgroups_path, "is not of the form slice:prefix:name");
    const std::string_view prefix = cgroups_path.substr(first + 1, second - first - 1);
    const std::string_view name = cgroups_path.substr(second + 1);
    if (name.empty()) return bad_unit(cgroups_path, "has no name in slice:prefix:name");
    if (first != 0) slice = cgroups_path.substr(0, first);
    if (name.ends_with(kSlice)) return expand_slice(name);
    unit = prefix.empty() ? cat(name, kScope) : cat(prefix, "-", name, kScope);
  }
  RETURN_IF_ERROR(check_unit_name(unit));
  ASSIGN_OR_RETURN(const std::string parent, expand_slice(slice));
  std::string path = parent == "/" ? cat("/", unit) : cat(parent, "/", unit);
  RETURN_IF_ERROR(check_group_path(path));
  return path;
}

Result<std::string> slice_parent(std::string_view parent) {
  ASSIGN_OR_RETURN(std::string path, expand_slice(last_component(parent)));
  if (path == "/") return bad_unit(parent, "is the slice of the whole machine");
  std::string_view given = parent;
  while (given.size() > 1 && given.back() == '/') given.remove_suffix(1);
  if (given.find('/') != std::string_view::npos && given != path)
    return bad_unit(parent, cat("is not where systemd has that slice, which is ", path));
  return path;
}

Result<UnitPlace> unit_of_path(const std::string& path) {
  const std::string_view name = last_component(path);
  RETURN_IF_ERROR(check_unit_name(name));
  UnitPlace place{std::string(name), {}, name.ends_with(kSlice)};
  std::string expected;
  if (place.is_slice) {
    ASSIGN_OR_RETURN(expected, expand_slice(name));
  } else {
    const std::string_view parent = std::string_view(path).substr(0, path.size() - name.size() - 1);
    place.slice = parent.empty() ? "-.slice" : std::string(last_component(parent));
    ASSIGN_OR_RETURN(const std::string slice_path, expand_slice(place.slice));
    expected = slice_path == "/" ? cat("/", name) : cat(slice_path, "/", name);
  }
  if (expected != path) return bad_unit(path, cat("is not where systemd has that unit, which is ", expected));
  return place;
}

}  // namespace berth::runtime::cgroup
