// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include <fcntl.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "base/subprocess.hpp"
#include "catch_main.hpp"
#include "cgroup_sandbox.hpp"
#include "runtime/cgroup/devices_bpf.hpp"

// The cgroup manager against the kernel that this runs on, whatever mix of versions that has.

using namespace berth;
using namespace berth::runtime::cgroup;
using berth::testing::Sandbox;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t kMiB = 1 << 20;

Subprocess spawn(const std::string& script) {
  SpawnRequest request;
  request.program = "/bin/sh";
  request.argv = {"sh", "-c", script};
  request.env = {"PATH=/usr/bin:/bin"};
  return *Subprocess::spawn(request);
}

Result<int> end_of(Subprocess& child) {
  return child.wait_until(std::chrono::steady_clock::now() + 20s);
}

template <class Condition>
bool eventually(Condition&& condition) {
  for (int i = 0; i < 2000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(5ms);
  }
  return false;
}

}  // namespace

TEST_CASE("limits are in force in every hierarchy, and removal leaves nothing") {
  Sandbox box;
  oci::Resources resources;
  resources.cpu_shares = 512;
  resources.cpu_quota = 20000;
  resources.cpu_period = 100000;
  resources.memory_limit = 32 * kMiB;
  resources.memory_swap = 32 * kMiB;
  resources.pids_limit = 50;
  if (box.manager->has_controller("cpuset")) resources.cpuset_cpus = "0";
  if (box.manager->has_controller("hugetlb")) resources.hugepages = {{"2MB", 4 * kMiB}};
  box.create(resources);
  if (box.is_v1("cpu")) {
    CHECK(box.read("cpu", "cpu.shares") == "512");
    CHECK(box.read("cpu", "cpu.cfs_quota_us") == "20000");
  } else {
    CHECK(box.read("cpu", "cpu.max") == "20000 100000");
  }
  CHECK(box.read("memory", box.is_v1("memory") ? "memory.limit_in_bytes" : "memory.max") ==
        std::to_string(32 * kMiB));
  CHECK(box.read("pids", "pids.max") == "50");
  if (box.manager->has_controller("cpuset")) CHECK(box.read("cpuset", "cpuset.cpus") == "0");
  if (!resources.hugepages.empty()) {
    CHECK(box.read("hugetlb", box.is_v1("hugetlb") ? "hugetlb.2MB.limit_in_bytes" : "hugetlb.2MB.max") ==
          std::to_string(4 * kMiB));
  }
  CHECK(box.manager->children(box.parent) == std::vector<std::string>{"x"});
  REQUIRE(box.manager->remove(box.group, 1s));
  CHECK_FALSE(box.manager->exists(box.group));
  CHECK(box.manager->exists(box.parent));
  box.manager->remove_if_empty(box.parent);
  CHECK_FALSE(box.manager->exists(box.parent));
}

TEST_CASE("updates go both ways and are taken back when a part is refused") {
  Sandbox box;
  oci::Resources resources;
  resources.memory_limit = 64 * kMiB;
  resources.memory_swap = 64 * kMiB;
  resources.cpu_shares = 100;
  box.create(resources);
  const std::string file = box.is_v1("memory") ? "memory.limit_in_bytes" : "memory.max";
  for (const std::int64_t size : {256 * kMiB, 16 * kMiB, 128 * kMiB}) {
    resources.memory_limit = size;
    resources.memory_swap = size + kMiB;
    const auto updated = box.manager->update(box.group, resources);
    INFO((updated ? std::string() : updated.error().to_string()));
    REQUIRE(updated);
    CHECK(box.read("memory", file) == std::to_string(size));
  }
  oci::Resources refused;
  refused.cpu_shares = 900;
  refused.memory_limit = 32 * kMiB;
  refused.cpu_period = 1;  // far below what any kernel takes
  const auto failed = box.manager->update(box.group, refused);
  REQUIRE_FALSE(failed);
  CHECK(failed.error().code() == Code::kInvalidArgument);
  CHECK(box.read("memory", file) == std::to_string(128 * kMiB));
  if (box.is_v1("cpu")) CHECK(box.read("cpu", "cpu.shares") == "100");
  oci::Resources absent_cpu;
  absent_cpu.cpuset_cpus = "4000";
  CHECK(box.manager->update(box.group, absent_cpu).error().code() ==
        (box.manager->has_controller("cpuset") ? Code::kInvalidArgument : Code::kFailedPrecondition));
  oci::Resources unlimited;
  unlimited.memory_limit = -1;
  REQUIRE(box.manager->update(box.group, unlimited));
  CHECK_FALSE(box.manager->stats(box.group)->memory_limit);
}

TEST_CASE("quota and period change together even where each alone would be refused") {
  Sandbox box;
  oci::Resources parent;
  parent.cpu_quota = 50000;
  parent.cpu_period = 100000;
  REQUIRE(box.manager->create(box.parent, parent));
  oci::Resources resources;
  resources.cpu_quota = 50000;
  resources.cpu_period = 100000;
  box.create(resources);
  // The shorter period with the old quota would be more than the parent has.
  resources.cpu_quota = 5000;
  resources.cpu_period = 10000;
  const auto updated = box.manager->update(box.group, resources);
  INFO((updated ? std::string() : updated.error().to_string()));
  CHECK(updated);
  resources.cpu_quota = 50000;
  resources.cpu_period = 100000;
  CHECK(box.manager->update(box.group, resources));
}

TEST_CASE("a limit below what is in use is refused and names the usage") {
  Sandbox box;
  box.create();
  Subprocess hog = spawn(cat("sleep 0.2; exec /proc/", ::getpid(), "/exe --hog 30"));
  box.join(hog.pid());
  REQUIRE(
      eventually([&] { return box.manager->stats(box.group)->memory_working_set.value_or(0) > 20U * kMiB; }));
  oci::Resources resources;
  resources.memory_limit = 1 * kMiB;
  resources.memory_check_before_update = true;
  const auto refused = box.manager->update(box.group, resources);
  REQUIRE_FALSE(refused);
  INFO(refused.error().to_string());
  CHECK(refused.error().code() == Code::kFailedPrecondition);
  CHECK(refused.error().to_string().find("is below the") != std::string::npos);
  REQUIRE(box.manager->kill(box.group));
  CHECK(end_of(hog));
}

TEST_CASE("a child is counted, frozen, thawed, killed with its children, and the group goes away") {
  Sandbox box;
  box.create();
  Subprocess child = spawn("sleep 0.2; for i in 1 2 3 4 5; do sleep 100 & done; while :; do :; done");
  box.join(child.pid());
  REQUIRE(eventually([&] { return box.manager->processes(box.group).size() >= 6; }));
  CHECK_FALSE(box.manager->remove(box.group, 0ms));
  REQUIRE(eventually([&] { return box.manager->stats(box.group)->cpu_usage_ns > 1000000; }));
  const auto stats = box.manager->stats(box.group);
  CHECK(stats->memory_usage.value_or(0) > 0);
  CHECK(stats->pids.value_or(0) >= 6);
  CHECK(stats->page_faults.value_or(0) > 0);
  REQUIRE(box.manager->freeze(box.group));
  const auto before = box.manager->stats(box.group)->cpu_usage_ns;
  std::this_thread::sleep_for(50ms);
  CHECK(box.manager->stats(box.group)->cpu_usage_ns - before < 10000000);
  REQUIRE(box.manager->thaw(box.group));
  REQUIRE(eventually([&] { return box.manager->stats(box.group)->cpu_usage_ns > before + 10000000; }));
  REQUIRE(box.manager->freeze(box.group));
  REQUIRE(box.manager->kill(box.group));  // frozen ones, too
  const auto status = end_of(child);
  REQUIRE(status);
  CHECK(WTERMSIG(*status) == SIGKILL);
  const auto removed = box.manager->remove(box.group, 5s);
  INFO((removed ? std::string() : removed.error().to_string()));
  CHECK(removed);
  CHECK(box.manager->processes(box.group).empty());
}

TEST_CASE("without the unified hierarchy the v1 freezer kills") {
  // A view of the same host in which only the freezer hierarchy can be seen.
  const auto whole = Manager::open({});
  REQUIRE(whole);
  std::string mount;
  for (const auto& hierarchy : (*whole)->hierarchies()) {
    if (hierarchy.controllers == std::vector<std::string>{"freezer"}) mount = hierarchy.mount_point;
  }
  if (mount.empty()) {
    WARN("no v1 freezer on this host");
    return;
  }
  const std::string info = cat("/tmp/berth-mountinfo-", ::getpid());
  {
    const auto fd = open_at(kCwd, info, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    REQUIRE(fd);
    REQUIRE(write_fd(fd->get(), cat("1 0 0:9 / ", mount, " rw - cgroup cgroup rw,freezer\n"), info));
  }
  Sandbox box;
  auto view = Manager::open({info, "/proc/self/cgroup"});
  ::unlink(info.c_str());
  REQUIRE(view);
  box.manager = *std::move(view);
  box.create();
  Subprocess child = spawn("sleep 0.2; while :; do sleep 100 & sleep 0.01; done");
  box.join(child.pid());
  REQUIRE(eventually([&] { return box.manager->processes(box.group).size() >= 5; }));
  REQUIRE(box.manager->freeze(box.group));
  REQUIRE(box.manager->kill(box.group));
  const auto status = end_of(child);
  REQUIRE(status);
  CHECK(WTERMSIG(*status) == SIGKILL);
  CHECK(box.manager->remove(box.group, 5s));
}

TEST_CASE("a leaf of an exec is killed without its container") {
  Sandbox box;
  box.create();
  const auto leaf = box.manager->create_leaf(box.group, "exec-1");
  if (!leaf && leaf.error().code() == Code::kFailedPrecondition) {
    WARN("no unified hierarchy on this host");
    return;
  }
  REQUIRE(leaf);
  Subprocess container = spawn("sleep 100");
  box.join(container.pid());
  Subprocess exec = spawn("sleep 100 & wait");
  REQUIRE(write_file_at(leaf->get(), "cgroup.procs", std::to_string(exec.pid())));
  REQUIRE(box.manager->kill(box.group + "/exec-1"));
  CHECK(end_of(exec));
  CHECK(box.manager->remove_leaf(box.group, "exec-1"));
  CHECK_FALSE(box.manager->exists(box.group + "/exec-1"));
  CHECK_FALSE(container.wait_until(std::chrono::steady_clock::now()));
  REQUIRE(box.manager->kill(box.group));
  CHECK(end_of(container));
}

TEST_CASE("the OOM counter tells of a memory hog") {
  Sandbox box;
  oci::Resources resources;
  resources.memory_limit = 32 * kMiB;
  resources.memory_swap = 32 * kMiB;
  box.create(resources);
  const auto counter = box.manager->open_oom_counter(box.group);
  REQUIRE(counter);
  Subprocess hog = spawn(cat("sleep 0.2; exec /proc/", ::getpid(), "/exe --hog 200"));
  box.join(hog.pid());
  const auto status = end_of(hog);
  REQUIRE(status);
  CHECK(WTERMSIG(*status) == SIGKILL);
  const auto text = read_fd(counter->get(), 4096, "the counter");
  REQUIRE(text);
  INFO(*text);
  CHECK(text->find("oom_kill 1") != std::string::npos);
}

TEST_CASE("device rules decide what can be opened") {
  Sandbox box;
  oci::Resources resources;
  resources.devices = {{false, 'a', {}, {}, "rwm"}, {true, 'c', 1, 3, "rwm"}};
  box.create(resources);
  Subprocess child =
      spawn("sleep 0.2; cat < /dev/null || exit 1; head -c1 < /dev/zero > /dev/null && exit 2; exit 0");
  box.join(child.pid());
  CHECK(*end_of(child) == 0);
  resources.devices.push_back({true, 'c', 1, 5, "r"});
  REQUIRE(box.manager->update(box.group, resources));
  child = spawn("sleep 0.2; head -c1 < /dev/zero > /dev/null || exit 3; exit 0");
  box.join(child.pid());
  CHECK(*end_of(child) == 0);
}

TEST_CASE("the device program of cgroup v2 decides what can be opened, and is replaced in place") {
  Sandbox box;
  box.create();
  const auto join = box.manager->open_join(box.group);
  REQUIRE(join);
  if (!join->v2) {
    WARN("no unified hierarchy on this host");
    return;
  }
  const auto exit_code = [&](const std::string& script) {
    Subprocess child = spawn("sleep 0.2; " + script);
    REQUIRE(write_file_at(join->v2.get(), "cgroup.procs", std::to_string(child.pid())));
    return WEXITSTATUS(*end_of(child));
  };
  const auto attach = [&](const std::vector<oci::DeviceRule>& rules) {
    const auto attached = attach_device_program(join->v2.get(), *device_matches(rules));
    INFO((attached ? std::string() : attached.error().to_string()));
    REQUIRE(attached);
  };
  const oci::DeviceRule none{false, 'a', {}, {}, "rwm"};
  const std::string null = "cat < /dev/null && exit 0; exit 1";
  const std::string zero = "head -c1 < /dev/zero > /dev/null && exit 0; exit 1";
  attach({none, {true, 'c', 1, {}, "rwm"}, {false, 'c', 1, 5, "r"}});
  CHECK(exit_code(null) == 0);
  CHECK(exit_code(zero) == 1);
  attach({none, {true, 'c', 1, 3, "rwm"}, {true, 'c', 1, 5, "r"}});
  CHECK(exit_code(zero) == 0);
  attach({{true, 'a', {}, {}, "rwm"}});
  CHECK(exit_code(zero) == 0);
}

TEST_CASE("groups below one parent are made and removed in parallel") {
  Sandbox box;
  std::atomic<int> failures = 0;
  std::vector<std::jthread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20; ++i) {
        const std::string pod = cat(box.parent, "/pod", i % 2);
        const std::string path = cat(pod, "/c", t);
        oci::Resources resources;
        resources.pids_limit = 10;
        if (!box.manager->create(path, resources)) ++failures;
        if (!box.manager->remove(path, 1s)) ++failures;
        box.manager->remove_if_empty(pod);
      }
    });
  }
  threads.clear();
  CHECK(failures == 0);
}

namespace {

/// Uses so many MiB and stays.
[[noreturn]] void be_a_hog(const char* mebibytes) {
  std::vector<char> memory(static_cast<std::size_t>(std::atoi(mebibytes)) << 20U, 'x');
  for (;;) ::pause();
}

}  // namespace

const char* berth::testing::prepare(int argc, char** argv) {
  if (argc == 3 && std::string(argv[1]) == "--hog") be_a_hog(argv[2]);
  if (::geteuid() != 0) return "cgroups cannot be made without root";
  return nullptr;
}
