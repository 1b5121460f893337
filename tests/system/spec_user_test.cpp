// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <iostream>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "runtime/mount_tree.hpp"
#include "runtime/namespaces_user.hpp"
#include "runtime/oci/id_mappings.hpp"
#include "spec_bundle.hpp"

using namespace berth;
using berth::testing::Bundle;

// User namespaces and id-mapped mounts.
namespace {

constexpr const char* kMaps = R"("uidMappings":[{"containerID":0,"hostID":100000,"size":65536}],
  "gidMappings":[{"containerID":0,"hostID":200000,"size":65536}])";

std::string with_user(const std::string& rest = "", const std::string& more_namespaces = "") {
  return cat(R"({"linux":{"namespaces":[{"type":"pid"},{"type":"mount"},{"type":"uts"},{"type":"ipc"},
    {"type":"network"},{"type":"cgroup"},{"type":"user"})",
             more_namespaces, "],", kMaps, "}", rest, "}");
}

/// The root file system belongs to the container's root, as a snapshotter would have it.
void give_root(const Bundle& bundle) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(bundle.path("root")))
    REQUIRE(::lchown(entry.path().c_str(), 100000, 200000) == 0);
  REQUIRE(::chown(bundle.path("root").c_str(), 100000, 200000) == 0);
}

}  // namespace

TEST_CASE("a user namespace has its maps, its root is the container's, and the rest belongs to it") {
  Bundle bundle;
  give_root(bundle);
  const auto outcome = bundle.run(
      "id -u; cat /proc/self/uid_map /proc/self/gid_map; cat /proc/self/setgroups; hostname inside && "
      "hostname; "
      "grep CapEff /proc/self/status; echo out > /dev/stdout; mount -t tmpfs none /tmp && echo mounted",
      with_user(R"(,"process":{"capabilities":{"bounding":["CAP_SYS_ADMIN"],"permitted":["CAP_SYS_ADMIN"],
        "effective":["CAP_SYS_ADMIN"]}})"));
  INFO(outcome.error << outcome.output);
  CHECK(outcome.exit_code == 0);
  CHECK(outcome.has_line("0"));
  CHECK(outcome.output.find("0     100000      65536") != std::string::npos);
  CHECK(outcome.output.find("0     200000      65536") != std::string::npos);
  CHECK(outcome.has_line("inside"));
  CHECK(outcome.has_line("allow"));
  CHECK(outcome.has_line("out"));
  CHECK(outcome.has_line("mounted"));
}

TEST_CASE("sysfs, mqueue, devpts and cgroup2 of a user namespace are its own, its devices are the host's") {
  Bundle bundle;
  give_root(bundle);
  const auto outcome = bundle.run(
      "ls /sys/class/net; grep -c mqueue /proc/self/mountinfo; stat -c '%t:%T' /dev/null /dev/tty; echo x > "
      "/dev/null && "
      "echo usable; test -d /sys/kernel && echo sysfs",
      cat(R"({"mounts":[{"destination":"/proc","type":"proc","source":"proc"},
        {"destination":"/dev","type":"tmpfs","source":"tmpfs","options":["nosuid","mode=755"]},
        {"destination":"/dev/pts","type":"devpts","source":"devpts","options":["newinstance","ptmxmode=0666"]},
        {"destination":"/dev/mqueue","type":"mqueue","source":"mqueue"},
        {"destination":"/sys","type":"sysfs","source":"sysfs","options":["ro"]}],)",
          with_user().substr(1)));
  INFO(outcome.error << outcome.output);
  CHECK(outcome.exit_code == 0);
  CHECK(outcome.has_line("lo"));
  CHECK(outcome.has_line("1:3"));
  CHECK(outcome.has_line("5:0"));
  CHECK(outcome.has_line("usable"));
  CHECK(outcome.has_line("sysfs"));
}

TEST_CASE("in the host's network a user namespace sees the host's /sys, read-only") {
  Bundle bundle;
  give_root(bundle);
  const auto outcome =
      bundle.run("grep ' /sys ' /proc/self/mountinfo | cut -d' ' -f6; ls /sys/class/net | wc -l",
                 cat(R"({"mounts":[{"destination":"/proc","type":"proc","source":"proc"},
        {"destination":"/dev","type":"tmpfs","source":"tmpfs"},
        {"destination":"/sys","type":"sysfs","source":"sysfs","options":["ro","nosuid"]}],
        "linux":{"namespaces":[{"type":"pid"},{"type":"mount"},{"type":"user"},{"type":"uts"}],)",
                     kMaps, "}}"));
  INFO(outcome.error << outcome.output);
  CHECK(outcome.output.find("ro,nosuid") == 0);
}

TEST_CASE("a user that is not root of the namespace owns its pipes and has his groups") {
  Bundle bundle;
  give_root(bundle);
  const auto outcome =
      bundle.run("id; echo reopened > /proc/self/fd/1",
                 with_user(R"(,"process":{"user":{"uid":1000,"gid":1001,"additionalGids":[5,6,5]}})"));
  INFO(outcome.error << outcome.output);
  CHECK(outcome.output.find("uid=1000 gid=1001 groups=5,6") == 0);
  CHECK(outcome.has_line("reopened"));
}

TEST_CASE("an oom score, limits and a scheduling policy are set by those who still may") {
  Bundle bundle;
  give_root(bundle);
  const auto outcome = bundle.run(
      "cat /proc/self/oom_score_adj; ulimit -Hn; cut -d' ' -f19 /proc/self/stat",
      with_user(R"(,"process":{"oomScoreAdj":321,"rlimits":[{"type":"RLIMIT_NOFILE","soft":50,"hard":60}],
        "scheduler":{"policy":"SCHED_OTHER","nice":-5}})"));
  INFO(outcome.error << outcome.output);
  CHECK(outcome.output == "321\n60\n-5\n");
}

TEST_CASE("a failed step of the birth is named, and leaves nobody behind") {
  Bundle bundle;
  give_root(bundle);
  const auto outcome = bundle.run(
      "true",
      R"({"linux":{"namespaces":[{"type":"pid"},{"type":"mount"},{"type":"user"},{"type":"uts"},{"type":"network"}],
        "uidMappings":[{"containerID":0,"hostID":100000,"size":1}],
        "gidMappings":[{"containerID":0,"hostID":200000,"size":1}],
        "netDevices":{"lo":{"name":"host-lo"}}}})");
  CHECK(outcome.error.find("move network device lo into the container as host-lo") != std::string::npos);
  CHECK(bundle.run("echo well", with_user()).has_line("well"));
}

TEST_CASE("a namespace of the host is joined before the user namespace is made") {
  Bundle bundle;
  give_root(bundle);
  bundle.tree().write("net", "");
  // Our own network namespace by another name: what counts is that it is not owned by the new user namespace.
  const std::string pin = bundle.path("net");
  REQUIRE(::mount("/proc/self/ns/net", pin.c_str(), nullptr, MS_BIND, nullptr) == 0);
  const auto outcome =
      bundle.run("id -u; readlink /proc/self/ns/net",
                 cat(R"({"linux":{"namespaces":[{"type":"pid"},{"type":"mount"},{"type":"user"},
        {"type":"uts"},{"type":"network","path":")",
                     pin, "\"}],", kMaps, "}}"));
  ::umount2(pin.c_str(), MNT_DETACH);
  char own[64] = {};
  REQUIRE(::readlink("/proc/self/ns/net", own, sizeof own - 1) > 0);
  INFO(outcome.error << outcome.output);
  CHECK(outcome.output == cat("0\n", own, "\n"));
}

TEST_CASE("a user namespace that exists is joined, with what it owns") {
  Bundle bundle;
  give_root(bundle);
  const oci::IdMapping users{0, 100000, 65536};
  const oci::IdMapping groups{0, 200000, 65536};
  const auto made = runtime::make_user_namespace(oci::id_map_text({users}), oci::id_map_text({groups}));
  INFO((made ? "" : made.error().to_string()));
  REQUIRE(made);
  const std::string path = cat("/proc/", ::getpid(), "/fd/", made->get());
  const auto outcome = bundle.run(
      "id -u; readlink /proc/self/ns/user; cat /proc/self/uid_map; hostname; cat /proc/self/oom_score_adj",
      cat(R"({"process":{"oomScoreAdj":77},"linux":{"namespaces":[{"type":"pid"},{"type":"mount"},{"type":"uts"},
        {"type":"ipc"},{"type":"network"},{"type":"user","path":")",
          path, R"("}]}})"));
  struct stat status {};
  REQUIRE(::fstat(made->get(), &status) == 0);
  INFO(outcome.error << outcome.output);
  CHECK(outcome.exit_code == 0);
  CHECK(outcome.has_line("0"));
  CHECK(outcome.has_line(cat("user:[", status.st_ino, "]")));
  CHECK(outcome.has_line("spec-test"));
  CHECK(outcome.has_line("77"));
}

TEST_CASE("an id-mapped bind shows the files of its source as the container's") {
  Bundle bundle;
  give_root(bundle);
  bundle.tree().write("volume/file", "x\n");
  REQUIRE(::chown(bundle.path("volume/file").c_str(), 5, 6) == 0);
  const auto mount = [](const std::string& more) {
    return cat(R"({"mounts":[{"destination":"/proc","type":"proc","source":"proc"},
      {"destination":"/dev","type":"tmpfs","source":"tmpfs"},{"destination":"/data","source":"volume",)",
               more, "}],", with_user().substr(1));
  };
  const std::string script = "stat -c '%u:%g' /data/file";
  CHECK(bundle.run(script, mount(R"("options":["bind"])")).output == "65534:65534\n");
  const auto own = bundle.run(script, mount(R"("options":["bind","idmap"])"));
  INFO(own.error << own.output);
  CHECK(own.output == "5:6\n");
  const auto other = bundle.run(script, mount(R"("options":["bind"],
      "uidMappings":[{"containerID":5,"hostID":100007,"size":1}],
      "gidMappings":[{"containerID":6,"hostID":200008,"size":1}])"));
  INFO(other.error << other.output);
  CHECK(other.output == "7:8\n");
}

TEST_CASE("a whole tree is id-mapped by ridmap, and a file system that cannot be is told") {
  Bundle bundle;
  give_root(bundle);
  bundle.tree().write("volume/sub/", "");
  REQUIRE(::mount("tmpfs", bundle.path("volume/sub").c_str(), "tmpfs", 0, nullptr) == 0);
  bundle.tree().write("volume/sub/file", "x\n");
  const auto mount = [](const std::string& source, const std::string& options) {
    return cat(R"({"mounts":[{"destination":"/proc","type":"proc","source":"proc"},
      {"destination":"/dev","type":"tmpfs","source":"tmpfs"},{"destination":"/data","source":")",
               source, R"(","options":[)", options, "]}],", with_user().substr(1));
  };
  const auto tree = bundle.run("stat -c '%u:%g' /data/sub/file", mount("volume", R"("rbind","ridmap")"));
  const auto top = bundle.run("stat -c '%u:%g' /data/sub/file", mount("volume", R"("rbind","idmap")"));
  ::umount2(bundle.path("volume/sub").c_str(), MNT_DETACH);
  INFO(tree.error << tree.output << top.error << top.output);
  CHECK(tree.output == "0:0\n");
  CHECK(top.output == "65534:65534\n");
  const auto refused = bundle.run("true", mount("/proc", R"("bind","idmap")"));
  CHECK(refused.error.find("cannot be id-mapped") != std::string::npos);
}

TEST_CASE("layers of an overlay can be id-mapped, the overlay itself is refused") {
  Bundle bundle;
  bundle.tree().write("lower/file", "x\n");
  bundle.tree().write("upper/", "");
  bundle.tree().write("work/", "");
  bundle.tree().write("merged/", "");
  const oci::IdMapping users{0, 100000, 65536};
  const auto made = runtime::make_user_namespace(oci::id_map_text({users}), oci::id_map_text({users}));
  REQUIRE(made);
  auto lower = runtime::clone_tree(bundle.path("lower"), false);
  REQUIRE(lower);
  REQUIRE(runtime::map_ids(lower->get(), made->get(), false, "lower"));
  struct stat status {};
  REQUIRE(::fstatat(lower->get(), "file", &status, 0) == 0);
  CHECK(status.st_uid == 100000);
  const std::string data = cat("lowerdir=", bundle.path("lower"), ",upperdir=", bundle.path("upper"),
                               ",workdir=", bundle.path("work"));
  REQUIRE(::mount("overlay", bundle.path("merged").c_str(), "overlay", 0, data.c_str()) == 0);
  auto merged = runtime::clone_tree(bundle.path("merged"), false);
  REQUIRE(merged);
  const auto refused = runtime::map_ids(merged->get(), made->get(), false, "merged");
  ::umount2(bundle.path("merged").c_str(), MNT_DETACH);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == Code::kFailedPrecondition);
}

TEST_CASE("a read-only root in a user namespace keeps the flags that are locked there") {
  Bundle bundle;
  give_root(bundle);
  const std::string root = bundle.path("root");
  REQUIRE(::mount(root.c_str(), root.c_str(), nullptr, MS_BIND, nullptr) == 0);
  REQUIRE(::mount(nullptr, root.c_str(), nullptr, MS_REMOUNT | MS_BIND | MS_NODEV | MS_NOSUID, nullptr) == 0);
  const auto outcome = bundle.run("grep -m1 ' / ' /proc/self/mountinfo | cut -d' ' -f6",
                                  with_user(R"(,"root":{"path":"root","readonly":true})"));
  ::umount2(root.c_str(), MNT_DETACH);
  INFO(outcome.error << outcome.output);
  CHECK(outcome.output.find("ro,nosuid,nodev") == 0);
}
