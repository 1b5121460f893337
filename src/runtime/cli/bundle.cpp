// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/bundle.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "runtime/cgroup/devices.hpp"
#include "runtime/cgroup/systemd_names.hpp"
#include "runtime/cli/passwd.hpp"
#include "runtime/cli/pid1_program.hpp"
#include "runtime/init_mode.hpp"
#include "runtime/oci/spec_check.hpp"
#include "runtime/oci/spec_json.hpp"

namespace berth::runtime::cli {
namespace {

constexpr std::size_t kMaxConfig = 8U << 20;

using oci::Mount;

std::string absolute(const std::string& path) {
  if (!path.empty() && path.front() == '/') return oci::clean_path(path);
  std::array<char, 4096> here{};
  if (::getcwd(here.data(), here.size()) == nullptr) return oci::clean_path(path);
  return oci::clean_path(cat(here.data(), "/", path));
}

bool has_option(const Mount& mount, std::string_view word) {
  return std::find(mount.options.begin(), mount.options.end(), word) != mount.options.end();
}

/// Relative sources of binds are the bundle's, destinations without a slash (deprecated) the root's.
void complete_mount(const std::string& bundle, Mount& mount) {
  if (!mount.destination.empty() && mount.destination.front() != '/')
    mount.destination.insert(mount.destination.begin(), '/');
  const bool bind = mount.type == "bind" || has_option(mount, "bind") || has_option(mount, "rbind");
  if (bind && !mount.source.empty() && mount.source.front() != '/')
    mount.source = cat(bundle, "/", mount.source);
  // runc and crun copy the mounts below the source, too, when only the type says "bind".
  if (mount.type == "bind" && !has_option(mount, "bind") && !has_option(mount, "rbind"))
    mount.options.emplace_back("bind");
}

bool has_namespace(const oci::Spec& spec, oci::NamespaceType type) {
  return std::any_of(spec.linux_.namespaces.begin(), spec.linux_.namespaces.end(),
                     [type](const oci::Namespace& entry) { return entry.type == type; });
}

/// Every hierarchy of this host as one mount. In a cgroup namespace of its own the container's group
/// is each one's root; without one it is bound.
void add_hierarchies(const cgroup::Manager& cgroups, const std::string& cgroup, bool own_namespace,
                     const Mount& wanted, std::vector<Mount>& out) {
  for (const auto& hierarchy : cgroups.hierarchies()) {
    Mount mount = wanted;
    if (!cgroups.is_unified())
      mount.destination =
          cat(wanted.destination, "/", hierarchy.mount_point.substr(hierarchy.mount_point.rfind('/') + 1));
    mount.type = hierarchy.v2 ? "cgroup2" : "cgroup";
    mount.source = "cgroup";
    if (!own_namespace) {
      mount.type = "bind";
      mount.source = hierarchy.mount_point + cgroup;
      mount.options.emplace_back("bind");
    } else if (!hierarchy.v2) {
      const bool named = !hierarchy.controllers.empty() && hierarchy.controllers[0].starts_with("name=");
      if (named) mount.options.emplace_back("none");
      mount.options.insert(mount.options.end(), hierarchy.controllers.begin(), hierarchy.controllers.end());
    }
    out.push_back(std::move(mount));
  }
}

std::vector<Mount> expand_cgroup_mounts(const cgroup::Manager& cgroups, const std::string& cgroup,
                                        const oci::Spec& spec) {
  std::vector<Mount> out;
  for (const Mount& mount : spec.mounts) {
    if (mount.type != "cgroup" && mount.type != "cgroup2") {
      out.push_back(mount);
      continue;
    }
    Mount wanted = mount;
    std::erase(wanted.options, "relatime");  // what every mount is, and not a hierarchy's own option
    if (!cgroups.is_unified()) {
      Mount place{mount.destination, "tmpfs", "tmpfs", {"nosuid", "noexec", "nodev", "mode=755", "size=64k"}};
      if (has_option(mount, "ro")) place.options.emplace_back("ro");
      out.push_back(std::move(place));
    }
    add_hierarchies(cgroups, cgroup, has_namespace(spec, oci::NamespaceType::kCgroup), wanted, out);
  }
  return out;
}

}  // namespace

Result<Bundle> load_bundle(const std::string& path) {
  Bundle bundle;
  bundle.path = absolute(path.empty() ? "." : path);
  const std::string config = bundle.path + "/config.json";
  ASSIGN_OR_RETURN(bundle.text, read_file(config, kMaxConfig));
  ASSIGN_OR_RETURN(bundle.spec, oci::parse_spec(bundle.text).context(config));
  const std::string& root = bundle.spec.root.path;
  if (root.empty()) return Error(Code::kInvalidArgument, cat(config, ": root.path is missing"));
  bundle.rootfs = root.front() == '/' ? root : cat(bundle.path, "/", root);
  return bundle;
}

Result<std::string> cgroup_path(const oci::Spec& spec, const std::string& id, bool systemd) {
  const std::string& wanted = spec.linux_.cgroups_path;
  if (systemd) return cgroup::systemd_group_path(wanted, id, "system.slice").context("linux.cgroupsPath");
  if (wanted.find(':') != std::string::npos && wanted.front() != '/') {
    return Error(Code::kInvalidArgument,
                 cat("linux.cgroupsPath: ", wanted, " is for systemd, which --systemd-cgroup asks for"));
  }
  return oci::clean_path(wanted.empty() ? cat("/", id) : wanted.front() == '/' ? wanted : cat("/", wanted));
}

Result<void> complete_spec(const Bundle& bundle, const cgroup::Manager& cgroups, const std::string& cgroup,
                           oci::Spec& spec) {
  for (Mount& mount : spec.mounts) complete_mount(bundle.path, mount);
  spec.mounts = expand_cgroup_mounts(cgroups, cgroup, spec);
  ASSIGN_OR_RETURN(const UniqueFd root, open_at(kCwd, bundle.rootfs, O_PATH | O_DIRECTORY));
  complete_environment(root.get(), spec.process);
  return {};
}

Result<void> add_wanted_init(const StateDir& dir, oci::Spec& spec) {
  const auto asked = spec.annotations.find(std::string(kInitAnnotation));
  if (asked == spec.annotations.end() || asked->second == "false") return {};
  if (asked->second != "true" && asked->second != "group") {
    return Error(Code::kInvalidArgument, cat("annotations.", kInitAnnotation,
                                             " is true, false or group, not \"", asked->second, "\""));
  }
  ASSIGN_OR_RETURN(const UniqueFd program, open_at(dir.fd(), "init", O_WRONLY | O_CREAT | O_EXCL, 0555));
  RETURN_IF_ERROR(write_fd(program.get(), pid1_image(), "init"));
  add_init(dir.file("init"), asked->second == "group" ? InitSignals::kGroup : InitSignals::kProgram, spec);
  return {};
}

void add_default_rules(std::vector<oci::DeviceRule>& rules) {
  if (rules.empty()) return;  // no rule at all: devices are not confined
  for (oci::DeviceRule& rule : cgroup::default_device_rules()) rules.push_back(std::move(rule));
}

void complete_environment(int root, oci::Process& process) {
  for (const std::string& entry : process.env) {
    if (entry.starts_with("HOME=")) return;
  }
  process.env.push_back(cat("HOME=", home_of(root, process.user.uid)));
}

}  // namespace berth::runtime::cli
