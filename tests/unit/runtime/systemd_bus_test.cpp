// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <future>

#include "base/process_id.hpp"
#include "cgroup_fixture.hpp"
#include "fake_systemd.hpp"
#include "runtime/cgroup/systemd_bus.hpp"
#include "runtime/cgroup/systemd_manager.hpp"

using namespace berth;
using namespace berth::runtime::cgroup;
using berth::testing::fake_host;
using berth::testing::FakeSystemd;
using berth::testing::Tree;
using std::chrono::milliseconds;

namespace {

std::string said(const Result<void>& result) {
  return result ? std::string("done") : result.error().to_string();
}

Code refusal(const Result<void>& result) {
  REQUIRE_FALSE(result);
  return result.error().code();
}

const std::vector<UnitProperty> kSome = {{"Delegate", true},
                                         {"MemoryMax", std::uint64_t{5}},
                                         {"Slice", std::string("a.slice")},
                                         {"AllowedCPUs", std::vector<std::uint8_t>{1, 2}}};

/// A pure cgroup v2 host whose systemd makes a scope's directory when it is asked for the scope.
struct Host {
  Tree tree{{"unified/cgroup.controllers", "cpu memory pids"},
            {"unified/cgroup.subtree_control", "cpu memory pids"},
            {"unified/a.slice/cgroup.controllers", "cpu memory pids"},
            {"unified/a.slice/cgroup.subtree_control", "cpu memory pids"}};
  int first_pid = 0;
  std::unique_ptr<FakeSystemd> systemd;
  std::unique_ptr<Manager> manager;

  explicit Host(FakeSystemd::Behaviour behaviour = {}, bool makes_groups = true) {
    behaviour.started = [this, makes_groups](const std::string& unit, int pid) {
      first_pid = pid;
      if (!makes_groups) return;
      const std::string dir = "unified/a.slice/" + unit + "/";
      tree.write(dir + "cgroup.controllers", "cpu memory pids");
      tree.write(dir + "cgroup.procs", "");
      tree.write(dir + "memory.max", "max");
      tree.write(dir + "cpu.max", "max 100000");
      tree.write(dir + "pids.max", "max");
    };
    systemd = std::make_unique<FakeSystemd>(tree.path("systemd"), std::move(behaviour));
    Manager::Options options = fake_host(tree, {""});
    options.holder_program = BERTH_PID1;
    options.systemd_address = systemd->address();
    auto opened = SystemdManager::open(options);
    if (!opened) throw std::runtime_error(opened.error().to_string());
    manager = *std::move(opened);
  }
};

bool ends_soon(int pid) {
  const UniqueFd handle(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!handle) return true;
  pollfd waiting{handle.get(), POLLIN, 0};
  return ::poll(&waiting, 1, 10000) == 1;
}

}  // namespace

TEST_CASE("a unit is started with its properties, and its job is waited for", "[cgroup][systemd]") {
  const Tree tree;
  const FakeSystemd systemd(tree.path("socket"));
  const auto bus = SystemdBus::connect(systemd.address());
  REQUIRE(bus);
  CHECK(said(bus->start_unit("x.scope", kSome)) == "done");
  CHECK(said(bus->set_properties("x.scope", {{"TasksMax", UINT64_MAX}})) == "done");
  CHECK(said(bus->stop_unit("x.scope")) == "done");
  CHECK(systemd.calls() ==
        std::vector<std::string>{
            "StartTransientUnit x.scope Delegate=true MemoryMax=5 Slice=a.slice AllowedCPUs=1,2",
            "SetUnitProperties x.scope TasksMax=max", "StopUnit x.scope"});
}

TEST_CASE("a job that ends before the answer names it is not missed", "[cgroup][systemd]") {
  const Tree tree;
  FakeSystemd::Behaviour early;
  early.job_before_reply = true;
  const FakeSystemd systemd(tree.path("socket"), early);
  const auto bus = SystemdBus::connect(systemd.address());
  REQUIRE(bus);
  CHECK(said(bus->start_unit("x.scope", {})) == "done");
}

TEST_CASE("a job that does not end well is told with its result", "[cgroup][systemd]") {
  const Tree tree;
  FakeSystemd::Behaviour bad;
  bad.job_result = "timeout";
  const FakeSystemd systemd(tree.path("socket"), bad);
  const auto bus = SystemdBus::connect(systemd.address());
  REQUIRE(bus);
  const auto failed = bus->start_unit("x.scope", {});
  CHECK(refusal(failed) == Code::kInternal);
  CHECK(said(failed) == "systemd StartTransientUnit x.scope: systemd's job ended as \"timeout\"");
}

TEST_CASE("systemd's refusals keep their meaning", "[cgroup][systemd]") {
  for (const auto& [name, code] : {std::pair{"org.freedesktop.systemd1.UnitExists", Code::kAlreadyExists},
                                   {"org.freedesktop.systemd1.NoSuchUnit", Code::kNotFound},
                                   {"org.freedesktop.DBus.Error.InvalidArgs", Code::kInvalidArgument},
                                   {"org.freedesktop.DBus.Error.AccessDenied", Code::kPermissionDenied},
                                   {"org.freedesktop.DBus.Error.Failed", Code::kInternal}}) {
    const Tree tree;
    FakeSystemd::Behaviour behaviour;
    behaviour.error = name;
    behaviour.errors = -1;
    const FakeSystemd systemd(tree.path("socket"), behaviour);
    const auto bus = SystemdBus::connect(systemd.address());
    REQUIRE(bus);
    INFO(name);
    const auto failed = bus->stop_unit("x.scope");
    CHECK(refusal(failed) == code);
    CHECK(said(failed) == "systemd StopUnit x.scope: as the test wants it");
  }
}

TEST_CASE("a connection that breaks fails its call alone", "[cgroup][systemd]") {
  const Tree tree;
  FakeSystemd::Behaviour behaviour;
  behaviour.hang_up = true;
  const FakeSystemd systemd(tree.path("socket"), behaviour);
  const auto bus = SystemdBus::connect(systemd.address());
  REQUIRE(bus);
  CHECK(refusal(bus->start_unit("x.scope", {})) == Code::kUnavailable);
  CHECK(said(bus->start_unit("y.scope", {})) == "done");
}

TEST_CASE("calls of many threads do not wait for each other's answers", "[cgroup][systemd]") {
  const Tree tree;
  const FakeSystemd systemd(tree.path("socket"));
  const auto bus = SystemdBus::connect(systemd.address());
  REQUIRE(bus);
  std::vector<std::future<bool>> started;
  for (int i = 0; i < 16; ++i) {
    started.push_back(std::async(std::launch::async, [&, i] {
      return static_cast<bool>(bus->start_unit(cat("x", i, ".scope"), kSome));
    }));
  }
  for (auto& one : started) CHECK(one.get());
  CHECK(systemd.calls().size() == 16);
}

TEST_CASE("a host without systemd is told so", "[cgroup][systemd]") {
  const Tree tree{{"unified/cgroup.controllers", ""}, {"memory/", ""}};
  Manager::Options options = fake_host(tree, {""});
  options.systemd_address = tree.path("nobody");
  const auto absent = SystemdManager::open(options);
  REQUIRE_FALSE(absent);
  CHECK(absent.error().code() == Code::kFailedPrecondition);
  CHECK_THAT(absent.error().to_string(), Catch::Contains("reach systemd"));
  options = fake_host(tree, {"memory", ""});
  const auto hybrid = SystemdManager::open(options);
  REQUIRE_FALSE(hybrid);
  CHECK_THAT(hybrid.error().to_string(), Catch::Contains("cgroup v2 alone"));
}

TEST_CASE("a container's scope begins with a process that waits for it", "[cgroup][systemd]") {
  Host host;
  oci::Resources limits;
  limits.memory_limit = 1000;
  limits.cpu_quota = 12345;
  REQUIRE(said(host.manager->create("/a.slice/berth-1.scope", limits)) == "done");
  REQUIRE(host.systemd->calls().size() == 1);
  CHECK_THAT(host.systemd->calls()[0],
             Catch::StartsWith("StartTransientUnit berth-1.scope") && Catch::Contains(" Slice=a.slice") &&
                 Catch::Contains(" Delegate=true PIDs=PID") && Catch::Contains(" MemoryMax=1000") &&
                 Catch::Contains(" CPUQuotaPerSecUSec=130000"));
  // The kernel is told the exact values.
  CHECK(host.tree.read("unified/a.slice/berth-1.scope/memory.max") == "1000");
  CHECK(host.tree.read("unified/a.slice/berth-1.scope/cpu.max") == "12345");
  REQUIRE(host.first_pid > 0);
  CHECK(::kill(host.first_pid, 0) == 0);
  auto join = host.manager->open_join("/a.slice/berth-1.scope");
  REQUIRE(join);
  CHECK(join->hold);
  CHECK(join->v2);
  CHECK(join->tasks.empty());
  join->hold.reset();
  CHECK(ends_soon(host.first_pid));
  const auto again = host.manager->open_join("/a.slice/berth-1.scope");
  REQUIRE(again);
  CHECK_FALSE(again->hold);  // of an exec, say
}

TEST_CASE("where one process more is one too many, the container moves in instead", "[cgroup][systemd]") {
  Host host;
  oci::Resources limits;
  limits.pids_limit = 1;
  REQUIRE(said(host.manager->create("/a.slice/berth-1.scope", limits)) == "done");
  const auto join = host.manager->open_join("/a.slice/berth-1.scope");
  REQUIRE(join);
  CHECK_FALSE(join->v2);
  CHECK(join->tasks.size() == 1);
}

TEST_CASE("a scope whose files refuse a limit is stopped again", "[cgroup][systemd]") {
  Host host({}, false);  // no directory appears, so that no file can be written
  const auto failed = host.manager->create("/a.slice/berth-1.scope", {});
  REQUIRE_FALSE(failed);
  CHECK(host.systemd->calls().back() == "StopUnit berth-1.scope");
  CHECK(ends_soon(host.first_pid));
}

TEST_CASE("what a failed unit left is cleared away before a scope of its name", "[cgroup][systemd]") {
  FakeSystemd::Behaviour behaviour;
  behaviour.error = "org.freedesktop.systemd1.UnitExists";
  behaviour.errors = 1;
  Host host(behaviour);
  REQUIRE(said(host.manager->create("/a.slice/berth-1.scope", {})) == "done");
  const auto calls = host.systemd->calls();
  REQUIRE(calls.size() == 4);
  CHECK(calls[1] == "StopUnit berth-1.scope");
  CHECK(calls[2] == "ResetFailedUnit berth-1.scope");
}

TEST_CASE("groups that are no unit of their place, and inhabited ones, are refused", "[cgroup][systemd]") {
  Host host;
  CHECK(refusal(host.manager->create("/kubepods/x", {})) == Code::kInvalidArgument);
  CHECK(refusal(host.manager->create("/a-b.slice/x.scope", {})) == Code::kInvalidArgument);
  host.tree.write("unified/a.slice/y.scope/cgroup.procs", "1\n");
  CHECK(refusal(host.manager->create("/a.slice/y.scope", {})) == Code::kAlreadyExists);
  CHECK(host.systemd->calls().empty());
}

TEST_CASE("an update is checked by the kernel, told to systemd, and exact afterwards", "[cgroup][systemd]") {
  Host host;
  REQUIRE(host.manager->create("/a.slice/berth-1.scope", {}));
  oci::Resources limits;
  limits.memory_limit = 77;
  limits.pids_limit = 9;
  REQUIRE(said(host.manager->update("/a.slice/berth-1.scope", limits)) == "done");
  CHECK(host.systemd->calls().back() == "SetUnitProperties berth-1.scope MemoryMax=77 TasksMax=9");
  CHECK(host.tree.read("unified/a.slice/berth-1.scope/memory.max") == "77");
  // Refused by a file: systemd hears nothing of it.
  const auto before = host.systemd->calls().size();
  limits.cpu_shares = 5;  // there is no cpu.weight in this tree
  CHECK_FALSE(host.manager->update("/a.slice/berth-1.scope", limits));
  CHECK(host.systemd->calls().size() == before);
}

TEST_CASE("an update that systemd refuses is taken back", "[cgroup][systemd]") {
  FakeSystemd::Behaviour behaviour;
  behaviour.error = "org.freedesktop.DBus.Error.InvalidArgs";
  behaviour.errors = -1;
  Host host(behaviour);
  const std::string dir = "unified/a.slice/x.scope/";
  host.tree.write(dir + "memory.max", "max");
  oci::Resources limits;
  limits.memory_limit = 77;
  CHECK(refusal(host.manager->update("/a.slice/x.scope", limits)) == Code::kInvalidArgument);
  CHECK(host.tree.read(dir + "memory.max") == "max");
}

TEST_CASE("removal stops what is there, and asks nobody when nothing is", "[cgroup][systemd]") {
  Host host;
  host.tree.write("unified/a.slice/x.scope/sub/", "");
  REQUIRE(host.manager->remove("/a.slice/x.scope", milliseconds(0)));
  CHECK(host.systemd->calls() == std::vector<std::string>{"StopUnit x.scope"});
  CHECK_FALSE(host.tree.has("unified/a.slice/x.scope"));
  REQUIRE(host.manager->remove("/a.slice/x.scope", milliseconds(0)));
  CHECK(host.systemd->calls().size() == 1);
}

TEST_CASE("an empty slice is stopped, one with something in it is not", "[cgroup][systemd]") {
  Host host;
  host.tree.write("unified/a.slice/a-b.slice/x.scope/", "");
  host.manager->remove_if_empty("/a.slice/a-b.slice");
  host.manager->remove_if_empty("/a.slice/a-b.slice/x.scope");
  CHECK(host.systemd->calls().empty());
  host.tree.write("unified/a.slice/a-c.slice/", "");
  host.manager->remove_if_empty("/a.slice/a-c.slice");
  CHECK(host.systemd->calls() == std::vector<std::string>{"StopUnit a-c.slice"});
}
