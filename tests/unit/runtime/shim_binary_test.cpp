// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

#include <chrono>
#include <future>

#include "base/cat.hpp"
#include "runtime/shim_binary.hpp"
#include "runtime/shim_client.hpp"
#include "tree.hpp"

using namespace berth;
using namespace berth::runtime;
using berth::testing::Tree;
using namespace std::chrono_literals;

namespace {

ShimBinary tiny_shim() {
  auto binary = ShimBinary::load(TINY_SHIM);
  INFO((binary ? "" : binary.error().to_string()));
  REQUIRE(binary);
  return *std::move(binary);
}

ShimClient::Deadline soon() {
  return std::chrono::steady_clock::now() + 10s;
}

// Waits until the process is reaped: a zombie still has a directory in /proc.
bool is_reaped(int pid) {
  for (int i = 0; i < 10000; ++i) {
    if (!exists(cat("/proc/", pid))) return true;
    ::usleep(1000);
  }
  return false;
}

}  // namespace

TEST_CASE("only a program can be a shim", "[shim]") {
  const Tree tree{{"text", "#!/bin/sh\n"}};
  CHECK_FALSE(ShimBinary::load(tree.path("absent")));
  CHECK(ShimBinary::load(tree.path("text")).error().code() == Code::kFailedPrecondition);
}

TEST_CASE("a shim is started from sealed memory, serves its socket, and is reaped at its end", "[shim]") {
  const std::string deep(100, 'd');  // a socket address could not hold this path
  const Tree tree{{deep + "/shim.sock", "a file in the way"}, {"log", ""}};
  const std::string dir = tree.path(deep);
  const auto reactor = *Reactor::start();
  const ShimBinary binary = tiny_shim();
  const auto log = open_at(kCwd, tree.path("log"), O_WRONLY | O_APPEND);
  REQUIRE(binary.spawn(dir, log->get()));
  struct stat info {};
  REQUIRE(::stat((dir + "/shim.sock").c_str(), &info) == 0);
  CHECK(S_ISSOCK(info.st_mode));
  CHECK((info.st_mode & 07777) == 0600);

  std::promise<void> gone;
  ShimClient::Events events;
  events.disconnected = [&] { gone.set_value(); };
  auto client = ShimClient::connect(dir, *reactor, std::move(events));
  INFO((client ? std::string() : client.error().to_string()));
  REQUIRE(client);
  const int pid = (*client)->process().pid;
  CHECK(tree.has(deep + "/clean"));
  CHECK(tree.read("log") == "started\n");
  const auto exe = open_at(kCwd, cat("/proc/", pid, "/exe"), O_RDONLY);
  REQUIRE(exe);
  const int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  CHECK((::fcntl(exe->get(), F_GET_SEALS) & seals) == seals);
  CHECK_FALSE(open_at(kCwd, cat("/proc/", pid, "/exe"), O_RDWR));
  CHECK((*client)->shut_down(soon()));
  gone.get_future().get();
  CHECK(is_reaped(pid));
}

TEST_CASE("a shim is reaped even when its client was gone before", "[shim]") {
  const Tree tree;
  const auto reactor = *Reactor::start();
  REQUIRE(tiny_shim().spawn(tree.root(), -1));
  auto client = ShimClient::connect(tree.root(), *reactor, {});
  REQUIRE(client);
  const int pid = (*client)->process().pid;
  client->reset();  // the tiny shim ends when its connection does
  CHECK(is_reaped(pid));
}

TEST_CASE("a shim that is killed is noticed and reaped", "[shim]") {
  const Tree tree;
  const auto reactor = *Reactor::start();
  std::promise<void> gone;
  ShimClient::Events events;
  events.disconnected = [&] { gone.set_value(); };
  REQUIRE(tiny_shim().spawn(tree.root(), -1));
  auto client = ShimClient::connect(tree.root(), *reactor, std::move(events));
  REQUIRE(client);
  const ProcessId process = (*client)->process();
  const auto pidfd = open_process(process);
  REQUIRE(pidfd);
  REQUIRE(signal_process(pidfd->get(), SIGKILL));
  gone.get_future().get();
  CHECK(is_reaped(process.pid));
  CHECK((*client)->signal(std::string(64, 'a'), 9).error().code() == Code::kUnavailable);
  CHECK(ShimClient::connect(tree.root(), *reactor, {}).error().code() == Code::kNotFound);
}

TEST_CASE("a shim that cannot join its cgroup is not started, and says why", "[shim]") {
  const Tree tree;
  cgroup::JoinFds group;
  group.tasks.push_back(*open_at(kCwd, "/dev/full", O_WRONLY));
  const auto refused = ShimBinary::load(TINY_SHIM, std::move(group))->spawn(tree.root(), -1);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().sys_errno() == ENOSPC);
  CHECK(refused.error().to_string().find("join a cgroup") != std::string::npos);
  CHECK_FALSE(tree.has("shim.sock"));
  CHECK_FALSE(tree.has("clean"));
}

TEST_CASE("a shim cannot be started in a directory that is not there", "[shim]") {
  const Tree tree;
  CHECK_FALSE(tiny_shim().spawn(tree.path("absent"), -1));
}
