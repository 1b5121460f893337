// SPDX-License-Identifier: Apache-2.0
// The shim's pod: shared PID namespace, terminals, orphans, many containers at once, bad messages.

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "shim_fixture.hpp"

using namespace berth;
using namespace berth::pid1::test;
using berth::shim::Phase;
using berth::shim::Type;

namespace {

/// Seconds between two records of a log, at most; their times are within a day.
double longest_silence(const std::string& log) {
  std::istringstream lines(log);
  double longest = 0;
  double before = -1;
  for (std::string line; std::getline(lines, line);) {
    REQUIRE(line.size() >= 40);
    const double hours = std::stod(line.substr(11, 2));
    const double minutes = std::stod(line.substr(14, 2));
    const double now = (hours * 60 + minutes) * 60 + std::stod(line.substr(17, 12));
    if (before >= 0) longest = std::max(longest, std::fmod(now - before + 86400, 86400));
    before = now;
  }
  return longest;
}

shim::InitPodReply init_pod(TestShim& shim, bool share_pid) {
  shim::InitPod request = {};
  request.pod = id_of(99);
  request.net_fd = request.ipc_fd = request.uts_fd = request.user_fd = shim::kNoFd;
  request.first_cgroup_fd = request.into_cgroup_fd = shim::kNoFd;
  request.share_pid = share_pid ? 1 : 0;
  const Answer answer = shim.call(Type::kInitPod, &request, sizeof request);
  REQUIRE(answer.err == 0);
  shim::InitPodReply reply = {};
  REQUIRE(answer.body.size() == sizeof reply);
  std::memcpy(&reply, answer.body.data(), sizeof reply);
  return reply;
}

int launch(TestShim& shim, unsigned number, ContainerPlan& plan, uint32_t flags = 0) {
  const auto bytes = plan.finish();
  LaunchOptions options;
  options.flags = flags;
  options.log_name = "c" + std::to_string(number) + ".log";
  const Answer answer = shim.launch(id_of(number), bytes, plan.raw_fds(), options);
  REQUIRE(answer.err == 0);
  REQUIRE(shim.object_call(Type::kStart, id_of(number)).err == 0);
  shim::LaunchReply reply = {};
  std::memcpy(&reply, answer.body.data(), sizeof reply);
  return reply.pid;
}

std::string file(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

/// Of all its threads.
size_t count_children(int pid) {
  size_t count = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task")) {
    std::istringstream pids(file(task.path().string() + "/children"));
    for (std::string child; pids >> child;) ++count;
  }
  return count;
}

}  // namespace

TEST_CASE("In a shared PID namespace pause is PID 1, owns nothing, and cannot be killed from inside") {
  TestShim shim;
  const shim::InitPodReply pause = init_pod(shim, true);
  REQUIRE(pause.pause_pid > 0);
  CHECK(pause.pause_start_time > 0);
  const std::string proc = "/proc/" + std::to_string(pause.pause_pid);
  REQUIRE(file(proc + "/comm") == "berth-pause\n");
  CHECK(file(proc + "/status").find("CapBnd:\t0000000000000000") != std::string::npos);
  CHECK(file(proc + "/status").find("Seccomp:\t2") != std::string::npos);
  CHECK(std::filesystem::is_empty(proc + "/fd"));
  CHECK(std::filesystem::is_empty(proc + "/root"));

  ContainerPlan plan(shim.scratch());
  plan.clone_flags = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC;
  plan.writer.header.join_pid_fd = plan::kPodPid;
  plan.script(
      "cat /proc/1/comm; ls /proc/1/root/ 2>&1; ls /proc/1/fd; kill -9 1; kill -TERM 1; echo $?; (sleep 0 &) "
      ";"
      "sleep 0.1; cat /proc/1/comm");
  // The usual capabilities of a container; not CAP_SYS_PTRACE.
  constexpr uint64_t kUsual = 0xa80425fb;
  plan::Op capabilities = {};
  capabilities.kind = plan::OpKind::kCapabilities;
  capabilities.phase = plan::Phase::kPrivileges;
  capabilities.extra = plan.writer.array<uint64_t>({kUsual, kUsual, 0, 0});
  plan::Op bounding = {};
  bounding.kind = plan::OpKind::kBoundingSet;
  bounding.phase = plan::Phase::kPrivileges;
  bounding.value = kUsual;
  plan.privileges = {bounding, capabilities};
  launch(shim, 1, plan);
  CHECK(shim.next_event().state.exit.exit_code == 0);
  const std::string log = shim.log("c1.log");
  INFO(log);
  CHECK(log.find("stdout F berth-pause\n") != std::string::npos);
  CHECK(log.rfind("stdout F berth-pause\n") > log.find("stdout F berth-pause\n"));
  CHECK(log.find("/proc/1/root/: Permission denied") != std::string::npos);
  // Orphans of this namespace are reaped by pause.
  CHECK(eventually([&] { return count_children(pause.pause_pid) == 0; }));

  REQUIRE(::kill(pause.pause_pid, SIGKILL) == 0);
  CHECK(shim.next_event().type == Type::kPauseExited);
}

TEST_CASE("Orphans of a container in the host's PID namespace are reaped by the shim") {
  TestShim shim;
  ContainerPlan plan(shim.scratch());
  plan.clone_flags = CLONE_NEWNS;
  plan.script("(sleep 0.1 &); (sleep 0.3 &); exit 0");
  launch(shim, 1, plan);
  const Event event = shim.next_event();
  CHECK(event.state.exit.exit_code == 0);
  CHECK(eventually([&] { return count_children(shim.pid()) == 0; }));
}

TEST_CASE("A grandchild that holds the pipe delays the exit event by two seconds at most") {
  TestShim shim;
  ContainerPlan plan(shim.scratch());
  plan.clone_flags = CLONE_NEWNS;
  plan.script("(while :; do echo more; sleep 0.02; done) & exit 6");
  const int64_t before = std::chrono::steady_clock::now().time_since_epoch().count();
  launch(shim, 1, plan);
  CHECK(shim.next_event().state.exit.exit_code == 6);
  const double seconds =
      static_cast<double>(std::chrono::steady_clock::now().time_since_epoch().count() - before) / 1e9;
  CHECK(seconds < 4);
  // The survivor goes on, unblocked, until it is killed.
  const size_t size = shim.log("c1.log").size();
  CHECK(eventually([&] { return shim.log("c1.log").size() > size; }));
  // On a busy machine it may have paused for so long that it was taken to be silent.
  if (longest_silence(shim.log("c1.log")) < 0.1) CHECK(seconds > 1.5);
  const auto children =
      file("/proc/" + std::to_string(shim.pid()) + "/task/" + std::to_string(shim.pid()) + "/children");
  CHECK(::kill(std::stoi(children), SIGKILL) == 0);
}

TEST_CASE("A terminal is the container's own, has a size, and its output is logged unchanged") {
  TestShim shim;
  ContainerPlan plan(shim.scratch());
  plan.terminal = true;
  plan.script("tty; stty size; echo to-console > /dev/console; sleep 0.3; stty size; exit 2");
  launch(shim, 1, plan, shim::kTerminal);
  REQUIRE(eventually([&] { return shim.log("c1.log").find("to-console") != std::string::npos; }));
  const shim::ResizeRequest resize = {id_of(1), 50, 132, 0};
  CHECK(shim.call(Type::kResize, &resize, sizeof resize).err == 0);
  CHECK(shim.next_event().state.exit.exit_code == 2);
  const std::string log = shim.log("c1.log");
  CHECK(log.find("stdout F /dev/pts/0\r\n") != std::string::npos);
  CHECK(log.find("stdout F 24 80\r\n") != std::string::npos);
  CHECK(log.find("stdout F 50 132\r\n") != std::string::npos);
}

TEST_CASE("Sixteen containers are launched in a row, and each ends with its own code") {
  TestShim shim;
  for (unsigned i = 1; i <= 16; ++i) {
    ContainerPlan plan(shim.scratch());
    plan.script("exit " + std::to_string(i));
    launch(shim, i, plan);
  }
  unsigned seen = 0;
  for (unsigned i = 0; i < 16; ++i) {
    const Event event = shim.next_event();
    const unsigned code = static_cast<unsigned>(event.state.exit.exit_code);
    CHECK(std::memcmp(&event.state.id, id_of(code).hex, 64) == 0);
    seen += code;
  }
  CHECK(seen == 136);
}

TEST_CASE("Masked and read-only paths are, and the root can be read-only") {
  TestShim shim;
  std::ofstream(shim.scratch().path("root/etc/secret")) << "secret";
  std::filesystem::create_directory(shim.scratch().path("root/etc/hidden"));
  std::ofstream(shim.scratch().path("root/etc/hidden/inside")) << "x";
  ContainerPlan plan(shim.scratch());
  const auto op = [&](plan::OpKind kind, const char* target) {
    plan::Op made = {};
    made.kind = kind;
    made.phase = plan::Phase::kMask;
    made.fd = plan::kNoFd;
    made.target = plan.writer.text(target);
    return made;
  };
  plan.mask.push_back(op(plan::OpKind::kMaskPath, "/etc/secret"));
  plan.mask.push_back(op(plan::OpKind::kMaskPath, "/proc/keys"));
  plan.mask.push_back(op(plan::OpKind::kMaskPath, "/proc/kcore"));
  plan.mask.push_back(op(plan::OpKind::kMaskPath, "/etc/hidden"));
  plan.mask.push_back(op(plan::OpKind::kMaskPath, "/sys"));
  plan.mask.push_back(op(plan::OpKind::kReadonlyPath, "/proc/sys"));
  plan.mask.push_back(op(plan::OpKind::kReadonlyPath, "/no/such/path"));
  plan::Op readonly = op(plan::OpKind::kMountAttr, "/");
  readonly.flags = 1;  // MOUNT_ATTR_RDONLY
  plan.mask.push_back(readonly);
  plan.script(
      "cat /etc/secret; ls -A /etc/hidden; cat /proc/kcore; touch /etc/hidden/x 2>/dev/null && echo bad;"
      "touch /x 2>/dev/null && echo bad; echo 1 > /proc/sys/kernel/domainname && echo bad; touch /dev/ok && "
      "echo good");
  launch(shim, 1, plan);
  shim.next_event();
  const std::string log = shim.log("c1.log");
  CHECK(log.find("stdout F good\n") != std::string::npos);
  CHECK(log.find("bad") == std::string::npos);
  CHECK(log.find("secret\n") == std::string::npos);
  CHECK(log.find("inside") == std::string::npos);
}

TEST_CASE("Malformed messages are refused, their descriptors closed, and the shim goes on") {
  TestShim shim;
  const auto open_fds = [&] {
    size_t count = 0;
    for ([[maybe_unused]] const auto& entry :
         std::filesystem::directory_iterator("/proc/" + std::to_string(shim.pid()) + "/fd"))
      ++count;
    return count;
  };
  REQUIRE(shim.call(Type::kList).err == 0);
  const size_t before = open_fds();
  const std::vector<int> fds(20, 1);
  shim::Launch launch = {};
  CHECK(shim.call(Type::kLaunch, &launch, sizeof launch, fds).err == EPROTO);
  CHECK(shim.call(Type::kLaunch, &launch, 20, fds).err == EPROTO);
  CHECK(shim.call(static_cast<Type>(77), nullptr, 0, fds).err == EOPNOTSUPP);
  std::vector<unsigned char> big(8000, 'x');
  CHECK(shim.call(Type::kStart, big.data(), big.size(), fds).err == EPROTO);
  launch.id = id_of(1);
  launch.log_dir_fd = launch.oom_fd = shim::kNoFd;
  CHECK(shim.call(Type::kLaunch, &launch, sizeof launch, {1}).err == EPERM);  // not a sealed memfd
  CHECK(eventually([&] { return open_fds() == before; }));
  CHECK(shim.send("nonsense", 8, fds));
  shim.connect();
  REQUIRE(shim.call(Type::kList).err == 0);
  CHECK(eventually([&] { return open_fds() == before; }));
}

TEST_CASE("The handshake names the version and the shim itself") {
  TestShim shim;
  shim::Hello hello = {1, 7, 0};
  const Answer answer = shim.call(Type::kHello, &hello, sizeof hello);
  REQUIRE(answer.err == 0);
  shim::HelloReply reply = {};
  REQUIRE(answer.body.size() == sizeof reply);
  std::memcpy(&reply, answer.body.data(), sizeof reply);
  CHECK(reply.version == 1);
  CHECK(reply.pid == shim.pid());
  CHECK(reply.start_time > 0);
  CHECK(reply.pod_initialised == 0);
  hello = {5, 7, 0};
  CHECK(shim.call(Type::kHello, &hello, sizeof hello).err == EPROTONOSUPPORT);
  init_pod(shim, false);
  CHECK(::kill(shim.pid(), SIGTERM) == 0);
  hello = {1, 1, 0};
  CHECK(shim.call(Type::kHello, &hello, sizeof hello).err == 0);
}

TEST_CASE("Of the shim all threads but the one that clones are under a filter, and what it starts is not") {
  TestShim shim;
  ContainerPlan plan(shim.scratch());
  plan.clone_flags = CLONE_NEWNS;
  plan.script("grep Seccomp: /proc/self/status; exec sleep 100");
  launch(shim, 1, plan);
  REQUIRE(eventually([&] { return shim.log("c1.log").find("Seccomp:\t0") != std::string::npos; }));
  int unconfined = 0;
  const std::string tasks = "/proc/" + std::to_string(shim.pid()) + "/task";
  for (const auto& task : std::filesystem::directory_iterator(tasks)) {
    const std::string status = file(task.path().string() + "/status");
    const bool clones = status.find("Name:\tberth-launch") != std::string::npos;
    CHECK((status.find("Seccomp:\t2") != std::string::npos) != clones);
    if (clones) ++unconfined;
  }
  CHECK(unconfined == 1);
}
