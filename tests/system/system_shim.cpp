// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <future>
#include <optional>
#include <string>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "catch_main.hpp"
#include "cgroup_sandbox.hpp"
#include "plan_writer.hpp"
#include "runtime/namespaces.hpp"
#include "runtime/shim_binary.hpp"
#include "runtime/shim_client.hpp"
#include "runtime/shim_codec.hpp"
#include "tree.hpp"

// The daemon's end of the protocol against the real shim, with pods that have namespaces and cgroups.

using namespace berth;
using namespace berth::runtime;
using berth::testing::Sandbox;
using berth::testing::Tree;
using pid1::test::PlanWriter;
using namespace std::chrono_literals;

namespace {

const std::string kPod(64, 'f');
const std::string kContainer(64, 'c');
const std::string kExec(64, 'e');

ShimClient::Deadline soon() {
  return std::chrono::steady_clock::now() + 20s;
}

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().to_string());
  return *std::move(result);
}
void must(const Result<void>& result) {
  if (!result) throw std::runtime_error(result.error().to_string());
}
template <class Condition>
void eventually(const Condition& condition) {
  const auto end = soon();
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) throw std::runtime_error("that does not happen");
    ::usleep(1000);
  }
}

LaunchPlan sealed(PlanWriter& writer) {
  const auto bytes = writer.finish();
  LaunchPlan ready;
  ready.memfd = UniqueFd(::memfd_create("plan", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  must(write_fd(ready.memfd.get(), {reinterpret_cast<const char*>(bytes.data()), bytes.size()}, "the plan"));
  REQUIRE(::fcntl(ready.memfd.get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) ==
          0);
  return ready;
}

/// A shell of the host in no namespace of its own, or in those: the least that can be launched.
LaunchPlan shell(const std::string& script, const std::string& program = "/bin/sh",
                 std::uint64_t clone_flags = 0) {
  PlanWriter writer;
  writer.header.clone_flags = clone_flags;
  writer.add(plan::OpKind::kStdio, plan::Phase::kSetup);
  writer.add(plan::OpKind::kFindProgram, plan::Phase::kPrivileges);
  writer.add(plan::OpKind::kGate, plan::Phase::kGate);
  writer.add(plan::OpKind::kExec, plan::Phase::kExec);
  writer.program({"sh", "-c", script}, {"PATH=/bin:/usr/bin"}, {program});
  LaunchPlan ready = sealed(writer);
  ready.labels = {"connect the streams", cat("find ", program), "wait for the start", "run the program"};
  return ready;
}

/// "exit 7" in the PID namespace of `pid` and in these cgroups, which takes a midwife.
LaunchPlan exit_inside(pid_t pid, cgroup::JoinFds group) {
  PlanWriter writer;
  std::vector<UniqueFd> fds;
  fds.push_back(must(open_at(kCwd, cat("/proc/", pid, "/ns/pid"), O_RDONLY)));
  writer.header.join_pid_fd = 0;
  for (UniqueFd& tasks : group.tasks) {
    writer.add(plan::OpKind::kJoinCgroup, plan::Phase::kJoin).fd = static_cast<std::uint32_t>(fds.size());
    fds.push_back(std::move(tasks));
  }
  if (group.v2) {
    writer.header.into_cgroup_fd = static_cast<std::uint32_t>(fds.size());
    fds.push_back(std::move(group.v2));
  }
  writer.header.fd_count = static_cast<std::uint32_t>(fds.size());
  writer.add(plan::OpKind::kStdio, plan::Phase::kSetup);
  writer.add(plan::OpKind::kExec, plan::Phase::kExec);
  writer.program({"sh", "-c", "exit 7"}, {}, {"/bin/sh"});
  LaunchPlan ready = sealed(writer);
  ready.fds = std::move(fds);
  return ready;
}

/// A pod with a running shim, and a daemon that can be "restarted".
struct Pod {
  Tree tree{{"pod/", ""}, {"log/", ""}};
  std::string dir = tree.path("pod");
  ShimBinary binary;
  std::unique_ptr<Reactor> reactor = must(Reactor::start());
  std::shared_ptr<ShimClient> client;
  std::promise<int> exited;
  std::promise<void> pause_exited;
  ProcessId process;

  explicit Pod(cgroup::JoinFds group = {}) : binary(must(ShimBinary::load(BERTH_PID1, std::move(group)))) {
    must(binary.spawn(dir, STDERR_FILENO));
    connect();
    process = client->process();
  }
  ~Pod() {
    client.reset();
    if (const auto pidfd = open_process(process)) (void)signal_process(pidfd->get(), SIGKILL);
  }

  void connect() {
    exited = {};
    pause_exited = {};
    ShimClient::Events events;
    events.exited = [this](const shim::ObjectState& state) { exited.set_value(state.exit.exit_code); };
    events.pause_exited = [this] { pause_exited.set_value(); };
    client = must(ShimClient::connect(dir, *reactor, std::move(events)));
  }
  ShimClient::Launched launch(LaunchPlan plan) const {
    ShimClient::LaunchRequest request;
    request.id = kContainer;
    request.plan = std::move(plan);
    request.log_dir = must(open_at(kCwd, tree.path("log"), O_RDONLY | O_DIRECTORY));
    request.log_name = "0.log";
    return must(client->launch(std::move(request), soon()));
  }
  Result<ShimClient::Launched> exec(LaunchPlan plan, ShimClient::Deadline deadline) const {
    ShimClient::LaunchRequest request;
    request.id = kExec;
    request.flags = shim::kExecObject | shim::kGivenStdio;
    request.plan = std::move(plan);
    return client->launch(std::move(request), deadline);
  }
  static bool is_reaped(int pid) {
    for (int i = 0; i < 5000; ++i) {
      if (!exists(cat("/proc/", pid))) return true;
      ::usleep(2000);
    }
    return false;
  }
};

}  // namespace

TEST_CASE("a pod's shim takes namespaces and cgroups, keeps them over a restart, and is told to go") {
  Sandbox box;
  box.create();
  Pod pod(must(box.manager->open_join(box.group)));
  PodNamespacesRequest wanted;
  wanted.hostname = "berth-test";
  auto namespaces = must(create_pod_namespaces(wanted));
  ShimClient::PodSetup setup;
  setup.pod_id = kPod;
  setup.network = std::move(namespaces.network);
  setup.ipc = std::move(namespaces.ipc);
  setup.uts = std::move(namespaces.uts);
  setup.share_pid = true;
  setup.pause_cgroup = must(box.manager->open_join(box.group));
  must(pod.client->init_pod(std::move(setup), soon()));
  const int pause = pod.client->pause_pid();
  REQUIRE(pause > 0);
  for (const auto& hierarchy : box.manager->hierarchies()) {
    const std::string members =
        cat("\n", must(read_file(cat(hierarchy.mount_point, box.group, "/cgroup.procs"), 4096)), "\n");
    INFO(hierarchy.mount_point << members);
    CHECK(members.find(cat("\n", pause, "\n")) != std::string::npos);
    CHECK(members.find(cat("\n", pod.process.pid, "\n")) != std::string::npos);
  }

  pod.client.reset();
  pod.connect();
  CHECK(pod.client->process() == pod.process);
  CHECK(pod.client->pause_pid() == pause);
  CHECK(must(pod.client->list(soon())).empty());
  must(pod.client->shut_down(soon()));
  CHECK(Pod::is_reaped(pod.process.pid));
  CHECK_FALSE(exists(cat("/proc/", pause)));
  CHECK_FALSE(exists(pod.dir + "/shim.sock"));
}

TEST_CASE("the end of the pod's first process is an event") {
  Pod pod;
  ShimClient::PodSetup setup;
  setup.pod_id = kPod;
  setup.share_pid = true;
  must(pod.client->init_pod(std::move(setup), soon()));
  const auto pidfd = open_process(must(identify_process(pod.client->pause_pid())));
  REQUIRE(pidfd);
  REQUIRE(signal_process(pidfd->get(), SIGKILL));
  pod.pause_exited.get_future().get();
  CHECK(pod.client->pause_pid() == 0);
}

TEST_CASE("a process is launched to the gate, started, signalled, listed, and forgotten") {
  Pod pod;
  const auto launched = pod.launch(shell("echo hello; sleep 100"));
  CHECK(launched.process == must(identify_process(launched.process.pid)));
  CHECK_FALSE(pod.client->shut_down(soon()));
  CHECK(pod.client->forget(kContainer).error().code() == Code::kFailedPrecondition);
  must(pod.client->start(kContainer, {}, soon()));
  must(pod.client->reopen_log(kContainer, soon()));
  CHECK(must(pod.client->list(soon())).at(0).phase == shim::Phase::kRunning);
  must(pod.client->signal(kContainer, SIGTERM));
  CHECK(pod.exited.get_future().get() == 128 + SIGTERM);
  CHECK(pod.client->signal(kContainer, SIGTERM).error().code() == Code::kNotFound);
  const auto list = must(pod.client->list(soon()));
  REQUIRE(list.size() == 1);
  CHECK(list[0].exit.signal_number == SIGTERM);
  CHECK(list[0].pid == launched.process.pid);
  must(pod.client->forget(kContainer));
  CHECK(must(pod.client->list(soon())).empty());
  CHECK(pod.client->forget(kContainer).error().code() == Code::kNotFound);
  must(pod.client->shut_down(soon()));
  CHECK(Pod::is_reaped(pod.process.pid));
}

TEST_CASE("what ends while no daemon is there is known to the next one") {
  Pod pod;
  pod.launch(shell("exit 7"));
  must(pod.client->start(kContainer, {}, soon()));
  pod.exited.get_future().wait();
  pod.client.reset();
  pod.connect();
  const auto list = must(pod.client->list(soon()));
  REQUIRE(list.size() == 1);
  CHECK(list[0].phase == shim::Phase::kExited);
  CHECK(list[0].exit.exit_code == 7);
}

TEST_CASE("a step that fails is named, and bad plans and unknown ids are refused") {
  Pod pod;
  ShimClient::LaunchRequest request;
  request.id = kContainer;
  request.plan = shell("", "/no/such/program");
  const auto absent = pod.client->launch(std::move(request), soon());
  REQUIRE_FALSE(absent);
  CHECK(absent.error().to_string().find("find /no/such/program: No such file or directory") !=
        std::string::npos);
  ShimClient::LaunchRequest garbage;
  garbage.id = kContainer;
  garbage.plan.memfd = UniqueFd(::memfd_create("garbage", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  must(write_fd(garbage.plan.memfd.get(), std::string(500, 'x'), "garbage"));
  CHECK_FALSE(pod.client->launch(std::move(garbage), soon()));
  CHECK(pod.client->signal(kContainer, 9).error().code() == Code::kNotFound);
  CHECK(pod.client->start(kContainer, {}, soon()).error().code() == Code::kNotFound);
  CHECK(pod.client->connected());
  CHECK(must(pod.client->list(soon())).empty());
}

TEST_CASE("an exec that is frozen before its birth keeps the shim from nothing, and ends or runs later") {
  Sandbox box;
  box.create();
  Pod pod;
  const auto container = pod.launch(shell("sleep 1000", "/bin/sh", CLONE_NEWPID));
  must(pod.client->start(kContainer, {}, soon()));
  const auto join = [&] {
    return exit_inside(container.process.pid, must(box.manager->open_join(box.group)));
  };
  const bool by_v1 = box.is_v1("freezer") && GENERATE(true, false);
  if (by_v1) {
    must(write_file_at(kCwd, box.dir("freezer") + "/freezer.state", "FROZEN"));
  } else {
    must(box.manager->freeze(box.group));
  }

  SECTION("it ends with a signal, and nothing is left of it") {
    const auto late = pod.exec(join(), std::chrono::steady_clock::now() + 300ms);
    REQUIRE_FALSE(late);
    CHECK(late.error().code() == Code::kDeadlineExceeded);
    CHECK(must(pod.client->list(soon())).size() == 2);
    must(pod.client->signal(kExec, SIGKILL));
    if (by_v1) must(box.manager->thaw(box.group));
    eventually([&] { return box.manager->processes(box.group).empty(); });
    CHECK(must(pod.client->list(soon())).size() == 1);
    must(pod.client->signal(kContainer, SIGKILL));
    CHECK(pod.exited.get_future().get() == 128 + SIGKILL);
  }
  SECTION("it runs when its cgroup is thawed") {
    auto launched = std::async(std::launch::async,
                               [&, plan = join()]() mutable { return pod.exec(std::move(plan), soon()); });
    eventually([&] { return !box.manager->processes(box.group).empty(); });
    CHECK(must(pod.client->list(soon())).size() == 2);
    must(box.manager->thaw(box.group));
    CHECK(must(launched.get()).process.pid > 0);
    CHECK(pod.exited.get_future().get() == 7);
  }
}

const char* berth::testing::prepare(int, char**) {
  if (::geteuid() != 0) return "a shim cannot work without root";
  return nullptr;
}
