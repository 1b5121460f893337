// SPDX-License-Identifier: Apache-2.0
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <iostream>

#include "base/cat.hpp"
#include "spec_bundle.hpp"

using namespace berth;
using berth::testing::Bundle;

// The vocabulary of mount options, propagation, and what a mount may cover.
namespace {

/// A mount more than the bundle's own; merge patches replace lists as a whole.
std::string with_mount(const std::string& mount, const std::string& rest = "") {
  return cat(R"({"mounts":[{"destination":"/proc","type":"proc","source":"proc"},
    {"destination":"/dev","type":"tmpfs","source":"tmpfs","options":["nosuid","mode=755"]},)",
             mount, "]", rest, "}");
}

/// The line of mountinfo about a mount point, from its attributes on.
const char* const kShow =
    "grep ' /data ' /proc/self/mountinfo | cut -d' ' -f6-; grep ' /data/sub ' /proc/self/mountinfo | cut -d' "
    "' -f6-";

}  // namespace

TEST_CASE("a relative source is the bundle's, a relative destination the root's") {
  Bundle bundle;
  bundle.tree().write("volume/file", "content\n");
  const auto outcome =
      bundle.run("cat /data/file",
                 with_mount(R"({"destination":"data","type":"bind","source":"volume","options":["bind"]})"));
  INFO(outcome.error);
  CHECK(outcome.output == "content\n");
}

TEST_CASE("a file is bound on a file, and a source that is missing is refused by name") {
  Bundle bundle;
  bundle.tree().write("single", "one\n");
  CHECK(bundle
            .run("cat /etc/single",
                 with_mount(R"({"destination":"/etc/single","source":"single","options":["bind","ro"]})"))
            .output == "one\n");
  const auto missing =
      bundle.run("true", with_mount(R"({"destination":"/x","source":"not-there","options":["bind"]})"));
  CHECK(missing.error.find("not-there") != std::string::npos);
}

TEST_CASE("recursive attributes reach every mount below, plain ones the top alone") {
  Bundle bundle;
  bundle.tree().write("volume/sub/", "");
  REQUIRE(::mount("tmpfs", bundle.path("volume/sub").c_str(), "tmpfs", 0, nullptr) == 0);
  const auto top = bundle.run(
      kShow, with_mount(R"({"destination":"/data","source":"volume","options":["rbind","ro","nosuid"]})"));
  const auto tree = bundle.run(
      kShow, with_mount(R"({"destination":"/data","source":"volume","options":["rbind","rro","rnoexec"]})"));
  const auto plain =
      bundle.run("touch /data/sub/x && echo written",
                 with_mount(R"({"destination":"/data","source":"volume","options":["bind","rro"]})"));
  ::umount2(bundle.path("volume/sub").c_str(), MNT_DETACH);
  INFO(top.output << tree.output << top.error << tree.error);
  CHECK(top.output.find("ro,nosuid,relatime") == 0);
  CHECK(top.output.find("\nrw,relatime") != std::string::npos);
  CHECK(tree.output.find("ro,noexec,relatime") == 0);
  CHECK(tree.output.find("\nro,noexec,relatime") != std::string::npos);
  CHECK_FALSE(plain.has_line("written"));
}

TEST_CASE("access time modes and symlinks are attributes, too") {
  Bundle bundle;
  bundle.tree().write("volume/", "");
  const auto outcome = bundle.run(
      kShow,
      with_mount(
          R"({"destination":"/data","source":"volume","options":["bind","nodev","noatime","nodiratime","nosymfollow"]})"));
  INFO(outcome.error << outcome.output);
  CHECK(outcome.output.find("rw,nodev,noatime,nodiratime,nosymfollow") == 0);
}

TEST_CASE("propagation is private unless asked for, and shared reaches what it is asked to") {
  Bundle bundle;
  bundle.tree().write("volume/", "");
  const std::string volume = bundle.path("volume");
  REQUIRE(::mount(volume.c_str(), volume.c_str(), nullptr, MS_BIND, nullptr) == 0);
  REQUIRE(::mount(nullptr, volume.c_str(), nullptr, MS_SHARED, nullptr) == 0);
  const auto mount_of = [](const char* word) {
    return with_mount(cat(R"({"destination":"/data","source":"volume","options":["bind")", word, "]}"));
  };
  const auto plain = bundle.run(kShow, mount_of(""));
  const auto slave = bundle.run(kShow, mount_of(R"(,"rslave")"));
  const auto shared = bundle.run(kShow, mount_of(R"(,"shared")"));
  ::umount2(volume.c_str(), MNT_DETACH);
  CHECK(plain.output.find("shared:") == std::string::npos);
  CHECK(plain.output.find("master:") == std::string::npos);
  CHECK(slave.output.find("master:") != std::string::npos);
  CHECK(shared.output.find("shared:") != std::string::npos);
}

TEST_CASE("what a container mounts in a root that the host shares stays in the container") {
  Bundle bundle;
  const std::string root = bundle.path("root");
  REQUIRE(::mount(root.c_str(), root.c_str(), nullptr, MS_BIND, nullptr) == 0);
  REQUIRE(::mount(nullptr, root.c_str(), nullptr, MS_SHARED, nullptr) == 0);
  const auto outcome = bundle.run("mount -t tmpfs none /tmp && touch /tmp/inside && sleep 0.1",
                                  R"({"linux":{"rootfsPropagation":"rslave"}})");
  const bool leaked = std::filesystem::exists(root + "/proc/self");
  ::umount2(root.c_str(), MNT_DETACH);
  INFO(outcome.error << outcome.output);
  CHECK(outcome.exit_code == 0);
  CHECK_FALSE(leaked);
}

TEST_CASE("the root's propagation is what the specification's word says") {
  Bundle bundle;
  const char* const show = "grep -m1 ' / ' /proc/self/mountinfo | cut -d' ' -f7";
  const auto word = [](const char* propagation) {
    return cat(R"({"linux":{"rootfsPropagation":")", propagation, "\"}}");
  };
  CHECK(bundle.run(show, word("shared")).output.find("shared:") == 0);
  CHECK(bundle.run(show, word("unbindable")).output.find("unbindable") == 0);
  CHECK(bundle.run(show, word("private")).output == "-\n");
  CHECK(bundle.run("true", word("upwards")).error.find("upwards") != std::string::npos);
}

TEST_CASE("a tmpfs has a copy of what it covers if it is asked for") {
  Bundle bundle;
  bundle.tree().write("root/etc/dir/file", "covered\n");
  bundle.tree().write("root/etc/plain", "x\n");
  std::filesystem::create_symlink("dir/file", bundle.path("root/etc/link"));
  REQUIRE(::chmod(bundle.path("root/etc/dir").c_str(), 0711) == 0);
  REQUIRE(::chown(bundle.path("root/etc/plain").c_str(), 12, 34) == 0);
  const std::string script =
      "cat /etc/link; stat -c '%a %u:%g' /etc/plain /etc/dir; grep ' /etc ' /proc/self/mountinfo | cut -d' ' "
      "-f6; "
      "touch /etc/new && echo writable";
  const auto copied = bundle.run(
      script,
      with_mount(R"({"destination":"/etc","type":"tmpfs","source":"tmpfs","options":["tmpcopyup"]})"));
  INFO(copied.error << copied.output);
  CHECK(copied.has_line("covered"));
  CHECK(copied.has_line("644 12:34"));
  CHECK(copied.has_line("711 0:0"));
  CHECK(copied.has_line("writable"));
  CHECK_FALSE(std::filesystem::exists(bundle.path("root/etc/new")));
  const auto readonly = bundle.run(
      script,
      with_mount(R"({"destination":"/etc","type":"tmpfs","source":"tmpfs","options":["tmpcopyup","ro"]})"));
  CHECK(readonly.has_line("covered"));
  CHECK_FALSE(readonly.has_line("writable"));
  const auto full = bundle.run(
      "true",
      with_mount(
          R"({"destination":"/bin","type":"tmpfs","source":"tmpfs","options":["tmpcopyup","size=64k"]})"));
  CHECK(full.error.find("mount tmpfs on /bin: No space left on device") != std::string::npos);
}

TEST_CASE("a read-only tmpfs is filled before it is closed") {
  Bundle bundle;
  bundle.tree().write("volume/file", "inner\n");
  const auto outcome =
      bundle.run("cat /data/sub/file; touch /data/x || echo closed",
                 with_mount(R"({"destination":"/data","type":"tmpfs","source":"tmpfs","options":["ro"]},
                    {"destination":"/data/sub","source":"volume","options":["bind"]})"));
  INFO(outcome.error << outcome.output);
  CHECK(outcome.has_line("inner"));
  CHECK(outcome.has_line("closed"));
}

TEST_CASE("every word of the specification is understood by a tmpfs") {
  Bundle bundle;
  for (const char* word : {"async",       "atime",        "defaults",
                           "dev",         "diratime",     "dirsync",
                           "exec",        "iversion",     "lazytime",
                           "loud",        "noatime",      "nodev",
                           "nodiratime",  "noexec",       "noiversion",
                           "nolazytime",  "norelatime",   "nostrictatime",
                           "nosuid",      "private",      "relatime",
                           "rprivate",    "rshared",      "rslave",
                           "runbindable", "rw",           "shared",
                           "silent",      "slave",        "strictatime",
                           "suid",        "sync",         "unbindable",
                           "nosymfollow", "symfollow",    "ratime",
                           "rdev",        "rdiratime",    "rexec",
                           "rnoatime",    "rnodev",       "rnodiratime",
                           "rnoexec",     "rnorelatime",  "rnostrictatime",
                           "rnosuid",     "rnosymfollow", "rro",
                           "rrw",         "rrelatime",    "rstrictatime",
                           "rsuid",       "rsymfollow",   "mand",
                           "nomand",      "tmpcopyup",    "acl",
                           "ro"}) {
    const auto outcome = bundle.run(
        "true", with_mount(cat(R"({"destination":"/data","type":"tmpfs","source":"tmpfs","options":[")", word,
                               "\"]}")));
    INFO(word << ": " << outcome.error);
    CHECK(outcome.exit_code == 0);
  }
}

TEST_CASE("procfs and sysfs are never mounted through a link of the image, binds follow unless told not to") {
  Bundle bundle;
  std::filesystem::create_symlink("/tmp", bundle.path("root/linked"));
  bundle.tree().write("volume/file", "x\n");
  const auto sys =
      bundle.run("true", with_mount(R"({"destination":"/linked","type":"sysfs","source":"sysfs"})"));
  CHECK(sys.error.find("Too many levels of symbolic links") != std::string::npos);
  CHECK(bundle
            .run("cat /tmp/file",
                 with_mount(R"({"destination":"/linked","source":"volume","options":["bind"]})"))
            .output == "x\n");
  const auto told = bundle.run(
      "true",
      with_mount(R"({"destination":"/linked","source":"volume","options":["bind","dest-nofollow"]})"));
  CHECK(told.error.find("Too many levels of symbolic links") != std::string::npos);
}

TEST_CASE("a cgroup mount shows the hierarchies that the host has") {
  Bundle bundle;
  bundle.options.cgroups.clear();
  const std::string mount = with_mount(
      R"({"destination":"/sys/fs/cgroup","type":"cgroup","source":"cgroup","options":["ro","nosuid"]})");
  CHECK(bundle.run("true", mount).error.find("hierarchies are not known") != std::string::npos);
  if (::access("/sys/fs/cgroup/pids/cgroup.procs", F_OK) != 0) {
    std::cout << "SKIP: no version 1 pids hierarchy\n";
    return;
  }
  bundle.options.cgroups = {{"pids", {"pids"}, false, "/sys/fs/cgroup/pids"},
                            {"unified", {}, true, "/sys/fs/cgroup/unified"}};
  const auto bound = bundle.run(
      "ls /sys/fs/cgroup; touch /sys/fs/cgroup/x || echo closed; "
      "test -e /sys/fs/cgroup/pids/cgroup.procs && echo shown",
      mount);
  INFO(bound.error << bound.output);
  CHECK(bound.has_line("pids"));
  CHECK(bound.has_line("closed"));
  CHECK(bound.has_line("shown"));
}
