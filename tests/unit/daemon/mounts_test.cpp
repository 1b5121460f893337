// SPDX-License-Identifier: Apache-2.0
#include "daemon/spec/mounts.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include <algorithm>

#include "base/mountinfo.hpp"
#include "messages.hpp"
#include "recording_cgroups.hpp"
#include "tree.hpp"

using namespace berth;
using namespace berth::daemon;
using namespace berth::daemon::testing;
using berth::testing::Tree;

namespace {

struct MountedHost {
  RecordingCgroups cgroups;
  Layout layout{"/var/lib/berth", "/run/berth"};
  PodRecord pod;
  ImageTrees images;
  Tree tree{{"dir/", ""}, {"file", "x"}};
  MountedHost() { pod.id = "pod"; }

  Result<std::vector<oci::Mount>> make(const std::string& config) {
    std::string text = config;
    for (auto at = text.find('@'); at != std::string::npos; at = text.find('@'))
      text.replace(at, 1, tree.root());
    const auto message = proto<cri::ContainerConfig>(text);
    return container_mounts({pod, message, layout, cgroups, images});
  }
};

std::vector<std::string> destinations(const Result<std::vector<oci::Mount>>& mounts) {
  std::vector<std::string> list;
  if (mounts) {
    for (const auto& mount : *mounts) list.push_back(mount.destination);
  }
  return list;
}

const oci::Mount* at(const Result<std::vector<oci::Mount>>& mounts, const std::string& destination) {
  for (const auto& mount : *mounts) {
    if (mount.destination == destination) return &mount;
  }
  return nullptr;
}

bool has(const oci::Mount* mount, const std::string& option) {
  return mount != nullptr && std::count(mount->options.begin(), mount->options.end(), option) == 1;
}

using Names = std::vector<std::string>;
const Names kDefaults = {"/proc",          "/dev",     "/dev/pts",         "/dev/mqueue",   "/sys",
                         "/sys/fs/cgroup", "/dev/shm", "/etc/resolv.conf", "/etc/hostname", "/etc/hosts"};

/// A mount of this process with (or without) a word such as "shared:"; tests need not be root.
std::string mount_point_with(const std::string& word, bool wanted) {
  const auto entries = read_mountinfo();
  if (!entries) return "";
  for (const auto& entry : *entries) {
    bool shared = false;
    for (const auto& field : entry.optional_fields) shared = shared || field.starts_with(word);
    struct stat info {};
    // The topmost mount of a place is the one a path leads to: the last line wins.
    const auto last = std::find_if(entries->rbegin(), entries->rend(),
                                   [&](const MountEntry& e) { return e.mount_point == entry.mount_point; });
    if (shared == wanted && last->id == entry.id && ::stat(entry.mount_point.c_str(), &info) == 0)
      return entry.mount_point;
  }
  return "";
}

}  // namespace

TEST_CASE("A mount of the CRI replaces the default one at its destination and those below it") {
  MountedHost f;
  CHECK(destinations(f.make("")) == kDefaults);
  CHECK(destinations(f.make("mounts { container_path: '/etc/hosts' host_path: '@/file' }")) ==
        Names{"/proc", "/dev", "/dev/pts", "/dev/mqueue", "/sys", "/sys/fs/cgroup", "/dev/shm",
              "/etc/resolv.conf", "/etc/hostname", "/etc/hosts"});
  CHECK(destinations(f.make("mounts { container_path: '/dev' host_path: '@/dir' }")) ==
        Names{"/proc", "/sys", "/sys/fs/cgroup", "/etc/resolv.conf", "/etc/hostname", "/etc/hosts", "/dev"});
  // A name that merely begins alike is another place.
  CHECK(destinations(f.make("mounts { container_path: '/de' host_path: '@/dir' }")).size() ==
        kDefaults.size() + 1);
  CHECK(destinations(f.make("mounts { container_path: '/devices' host_path: '@/dir' }")).size() ==
        kDefaults.size() + 1);
}

TEST_CASE("Destinations are compared as places, not as they are spelled") {
  MountedHost f;
  for (const char* spelled : {"/dev/shm", "/dev/shm/", "/dev//shm", "//dev/./shm/.", "/./dev/shm//"}) {
    INFO(spelled);
    const auto mounts =
        f.make(std::string("mounts { container_path: '") + spelled + "' host_path: '@/dir' }");
    CHECK(destinations(mounts).size() == kDefaults.size());
    REQUIRE(at(mounts, "/dev/shm") != nullptr);
    CHECK(at(mounts, "/dev/shm")->source == f.tree.path("dir"));
  }
}

TEST_CASE("Parents are mounted before their children, whatever the order of the request") {
  MountedHost f;
  const auto mounts = f.make(
      "mounts { container_path: '/a/b/c' host_path: '@/dir' } mounts { container_path: '/z' host_path: "
      "'@/dir' } "
      "mounts { container_path: '/a//b' host_path: '@/dir' } mounts { container_path: '/a' host_path: "
      "'@/dir' }");
  auto all = destinations(mounts);
  REQUIRE(all.size() == kDefaults.size() + 4);
  all.erase(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(kDefaults.size()));
  CHECK(all == Names{"/z", "/a", "/a/b", "/a/b/c"});
}

TEST_CASE("Of two mounts at one destination the later one is made") {
  MountedHost f;
  const auto mounts = f.make(
      "mounts { container_path: '/a' host_path: '@/dir' } mounts { container_path: '/a/' host_path: '@/file' "
      "}");
  REQUIRE(destinations(mounts).size() == kDefaults.size() + 1);
  CHECK(at(mounts, "/a")->source == f.tree.path("file"));
}

TEST_CASE("A host path that does not exist is refused by name") {
  MountedHost f;
  for (const char* path : {"@/missing", "@/file/below"}) {
    const auto mounts = f.make(std::string("mounts { container_path: '/a' host_path: '") + path + "' }");
    INFO(path);
    CHECK(has_code(mounts, Code::kInvalidArgument));
    CHECK(refusal(mounts) == "mounts.host_path \"" + f.tree.root() + (path + 1) + "\" does not exist");
  }
  REQUIRE(::symlink("nowhere", f.tree.path("dangling").c_str()) == 0);
  CHECK(has_code(f.make("mounts { container_path: '/a' host_path: '@/dangling' }"), Code::kInvalidArgument));
}

TEST_CASE("Options follow the request: read-only, recursively so, and three flags; others are refused") {
  MountedHost f;
  auto mounts = f.make("mounts { container_path: '/a' host_path: '@/dir' }");
  CHECK(at(mounts, "/a")->options == Names{"rbind", "rprivate"});
  mounts = f.make(
      "mounts { container_path: '/a' host_path: '@/dir' readonly: true mount_options: ['noexec', 'nosuid'] "
      "}");
  CHECK(at(mounts, "/a")->options == Names{"rbind", "rprivate", "ro", "noexec", "nosuid"});
  mounts =
      f.make("mounts { container_path: '/a' host_path: '@/dir' readonly: true recursive_read_only: true }");
  CHECK(at(mounts, "/a")->options == Names{"rbind", "rprivate", "rro"});
  for (const char* option : {"exec", "dev", "suid", "rw", "noexec,dev", "rshared", ""}) {
    INFO(option);
    mounts = f.make(std::string("mounts { container_path: '/a' host_path: '@/dir' mount_options: '") +
                    option + "' }");
    CHECK(has_code(mounts, Code::kInvalidArgument));
    CHECK(refusal(mounts).find(std::string("\"") + option + "\"") != std::string::npos);
  }
}

TEST_CASE("Only a privileged container may ask for bidirectional propagation") {
  MountedHost f;
  const auto mounts =
      f.make("mounts { container_path: '/a' host_path: '@/dir' propagation: PROPAGATION_BIDIRECTIONAL }");
  CHECK(has_code(mounts, Code::kInvalidArgument));
  CHECK(refusal(mounts).find("which only a privileged container may") != std::string::npos);
}

TEST_CASE("Propagation is what the mount below the host path can give, read from the real mount table") {
  MountedHost f;
  const std::string privileged = "linux { security_context { privileged: true } } ";
  auto ask = [&](const std::string& path, const char* propagation) {
    return f.make(privileged + "mounts { container_path: '/a' host_path: '" + path +
                  "' propagation: " + propagation + " }");
  };
  const std::string shared = mount_point_with("shared:", true);
  const std::string unshared = mount_point_with("shared:", false);
  if (shared.empty() && unshared.empty()) WARN("the mount table could not be read");
  if (!shared.empty()) {
    auto mounts = ask(shared, "PROPAGATION_BIDIRECTIONAL");
    REQUIRE(mounts);
    CHECK(has(at(mounts, "/a"), "rshared"));
    mounts = ask(shared, "PROPAGATION_HOST_TO_CONTAINER");
    REQUIRE(mounts);
    CHECK(has(at(mounts, "/a"), "rslave"));
  }
  if (!unshared.empty()) {
    const auto mounts = ask(unshared, "PROPAGATION_BIDIRECTIONAL");
    CHECK(has_code(mounts, Code::kInvalidArgument));
    CHECK(refusal(mounts).find("is not a shared mount") != std::string::npos);
  }
}

TEST_CASE("The host's IPC namespace brings the host's /dev/shm, any other the pod's own") {
  MountedHost f;
  CHECK(at(f.make(""), "/dev/shm")->source == "/run/berth/pods/pod/shm");
  f.pod.host_ipc = true;
  CHECK(at(f.make(""), "/dev/shm")->source == "/dev/shm");
}

TEST_CASE("The pod's files are read-only exactly when the root is; privileged containers may write to /sys") {
  MountedHost f;
  CHECK_FALSE(has(at(f.make(""), "/etc/hosts"), "ro"));
  CHECK(has(at(f.make("linux { security_context { readonly_rootfs: true } }"), "/etc/hosts"), "ro"));
  CHECK(at(f.make(""), "/etc/hosts")->source == "/run/berth/pods/pod/etc/hosts");
  CHECK(has(at(f.make(""), "/sys"), "ro"));
  CHECK(has(at(f.make(""), "/sys/fs/cgroup"), "ro"));
  CHECK(at(f.make(""), "/sys/fs/cgroup")->type == "cgroup2");
  const auto privileged = f.make("linux { security_context { privileged: true } }");
  CHECK_FALSE(has(at(privileged, "/sys"), "ro"));
  CHECK(at(privileged, "/sys/fs/cgroup")->source == "/sys/fs/cgroup");
  CHECK_FALSE(has(at(privileged, "/sys/fs/cgroup"), "ro"));
}

TEST_CASE("An image is bound read-only from its own mount, with the options that a mount may add") {
  MountedHost f;
  f.images["/i"] = std::make_shared<const UniqueFd>();
  const auto mounts =
      f.make("mounts { container_path: '/i' readonly: true image { image: 'x:1' } mount_options: 'noexec' }");
  const auto* mount = at(mounts, "/i");
  REQUIRE(mount != nullptr);
  CHECK(mount->tree == f.images["/i"]);
  CHECK(mount->options == std::vector<std::string>{"rbind", "rprivate", "ro", "noexec"});
}

TEST_CASE("On a hybrid host each hierarchy is mounted by its controllers, a named one without any") {
  MountedHost f;
  const RecordingCgroups hybrid({{"/sys/fs/cgroup/cpu,cpuacct", {"cpu", "cpuacct"}, false},
                                 {"/sys/fs/cgroup/systemd", {"name=systemd"}, false},
                                 {"/sys/fs/cgroup/unified", {}, true}});
  const cri::ContainerConfig config;
  const Result<std::vector<oci::Mount>> mounts =
      container_mounts({f.pod, config, f.layout, hybrid, f.images});
  REQUIRE(mounts);
  CHECK(at(mounts, "/sys/fs/cgroup")->type == "tmpfs");
  const auto* cpu = at(mounts, "/sys/fs/cgroup/cpu,cpuacct");
  REQUIRE(cpu != nullptr);
  CHECK(cpu->type == "cgroup");
  CHECK(cpu->options == Names{"nosuid", "noexec", "nodev", "ro", "cpu", "cpuacct"});
  const auto* named = at(mounts, "/sys/fs/cgroup/systemd");
  REQUIRE(named != nullptr);
  CHECK(has(named, "none"));
  CHECK(has(named, "name=systemd"));
  REQUIRE(at(mounts, "/sys/fs/cgroup/unified") != nullptr);
  CHECK(at(mounts, "/sys/fs/cgroup/unified")->type == "cgroup2");
}
