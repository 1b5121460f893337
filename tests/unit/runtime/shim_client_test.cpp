// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include <sys/stat.h>

#include <atomic>
#include <future>
#include <thread>

#include "base/cat.hpp"
#include "fake_shim.hpp"
#include "runtime/shim_client.hpp"

using namespace berth;
using namespace berth::runtime;
using berth::testing::FakeShim;
using namespace std::chrono_literals;

namespace {

const std::string kId(64, 'a');

ShimClient::Deadline in(std::chrono::milliseconds time) {
  return std::chrono::steady_clock::now() + time;
}

template <class Work>
auto async(Work&& work) {
  return std::async(std::launch::async, std::forward<Work>(work));
}

shim::ObjectState object(char digit, shim::Phase phase) {
  shim::ObjectState state{};
  std::fill(std::begin(state.id.hex), std::end(state.id.hex), digit);
  state.phase = phase;
  state.exit.magic = shim::kExitMagic;
  state.exit.version = 1;
  return state;
}

/// A client that has shaken hands with a fake shim.
struct Session {
  FakeShim shim;
  std::unique_ptr<Reactor> reactor;
  std::promise<void> gone;
  std::promise<std::string> exited;
  std::promise<void> pause_exited;
  std::shared_ptr<ShimClient> client;

  explicit Session(shim::HelloReply hello = {1, 0, ::getpid(), 1, 42, 1}) {
    reactor = *Reactor::start();
    ShimClient::Events events;
    events.disconnected = [this] { gone.set_value(); };
    events.exited = [this](const shim::ObjectState& state) { exited.set_value(text_of(state.id)); };
    events.pause_exited = [this] { pause_exited.set_value(); };
    auto greeting = async([&] { shim.greet(hello); });
    auto connected = ShimClient::connect(shim.dir(), *reactor, std::move(events));
    greeting.get();
    if (!connected) throw std::runtime_error(connected.error().to_string());
    client = *std::move(connected);
  }
  ~Session() { client.reset(); }
};

std::uint64_t inode(int fd) {
  struct stat info {};
  ::fstat(fd, &info);
  return info.st_ino;
}

UniqueFd null_fd() {
  return UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

}  // namespace

TEST_CASE("no directory, no socket and no listener are all: no shim", "[shim]") {
  const auto reactor = *Reactor::start();
  const berth::testing::Tree tree;
  CHECK(ShimClient::connect(tree.path("absent"), *reactor, {}).error().code() == Code::kNotFound);
  CHECK(ShimClient::connect(tree.root(), *reactor, {}).error().code() == Code::kNotFound);
}

TEST_CASE("the handshake tells who the shim is", "[shim]") {
  Session session({1, 0, 4711, 99, 42, 1});
  CHECK(session.client->process() == ProcessId{4711, 99});
  CHECK(session.client->pause_pid() == 42);
  CHECK(session.client->connected());
}

TEST_CASE("a shim of another protocol is not talked to", "[shim]") {
  FakeShim fake;
  const auto reactor = *Reactor::start();
  auto greeting = async([&] { fake.greet({7, 0, 1, 1, 0, 0}); });
  const auto client = ShimClient::connect(fake.dir(), *reactor, {});
  greeting.get();
  REQUIRE_FALSE(client);
  CHECK(client.error().code() == Code::kUnavailable);
  CHECK(fake.is_hung_up());
}

TEST_CASE("descriptors arrive where the message says, and are closed on our side", "[shim]") {
  Session session;
  int pipe_fds[2];
  REQUIRE(::pipe2(pipe_fds, O_CLOEXEC) == 0);
  UniqueFd reader(pipe_fds[0]);
  ShimClient::PodSetup setup;
  setup.pod_id = kId;
  setup.uts = UniqueFd(pipe_fds[1]);
  setup.pause_cgroup.tasks.push_back(null_fd());
  setup.pause_cgroup.tasks.push_back(null_fd());
  setup.pause_cgroup.v2 = null_fd();
  setup.share_pid = true;
  auto done = async([&] { return session.client->init_pod(std::move(setup), in(10s)); });
  {
    const auto request = session.shim.receive();
    const auto message = request.as<shim::InitPod>();
    CHECK(request.header.type == shim::Type::kInitPod);
    CHECK(text_of(message.pod) == kId);
    CHECK(message.net_fd == shim::kNoFd);
    REQUIRE(message.uts_fd == 0);
    CHECK(message.share_pid == 1);
    CHECK(message.first_cgroup_fd == 1);
    CHECK(message.cgroup_fd_count == 2);
    CHECK(message.into_cgroup_fd == 3);
    REQUIRE(request.fds.size() == 4);
    CHECK(inode(request.fds[0].get()) == inode(reader.get()));
    session.shim.reply(request.header.seq, 0, shim::kNoOp, bytes_of(shim::InitPodReply{77, 0, 5}));
  }
  REQUIRE(done.get());
  CHECK(session.client->pause_pid() == 77);
  char byte = 0;
  CHECK(::read(reader.get(), &byte, 1) == 0);  // no writer left: ours was closed after sending
}

TEST_CASE("a launch carries plan, stdio and log, and returns the process", "[shim]") {
  Session session;
  ShimClient::LaunchRequest request;
  request.id = kId;
  request.flags = shim::kStdinPipe;
  request.plan.memfd = null_fd();
  request.plan.fds.push_back(null_fd());
  request.plan.fds.push_back(null_fd());
  request.stdio[1] = null_fd();
  request.log_dir = null_fd();
  request.log_name = "0.log";
  auto done = async([&] { return session.client->launch(std::move(request), in(10s)); });
  const auto received = session.shim.receive();
  const auto message = received.as<shim::Launch>();
  CHECK(message.flags == shim::kStdinPipe);
  CHECK(message.plan_fd == 0);
  CHECK(message.first_plan_fd == 1);
  CHECK(message.plan_fd_count == 2);
  CHECK(message.stdio_fd[0] == shim::kNoFd);
  CHECK(message.stdio_fd[1] == 3);
  CHECK(message.log_dir_fd == 4);
  CHECK(message.oom_fd == shim::kNoFd);
  CHECK(std::string(message.log_name) == "0.log");
  CHECK(received.fds.size() == 5);
  session.shim.reply(received.header.seq, 0, shim::kNoOp, bytes_of(shim::LaunchReply{123, 0, 456}));
  const auto launched = done.get();
  REQUIRE(launched);
  CHECK(launched->process == ProcessId{123, 456});
}

TEST_CASE("a failed step is told in the plan's own words", "[shim]") {
  Session session;
  auto done = async([&] {
    return session.client->start(kId, {"mount proc on /proc", "set user 1000"}, in(10s));
  });
  session.shim.reply(session.shim.receive().header.seq, EPERM, 1);
  const auto failed = done.get();
  REQUIRE_FALSE(failed);
  CHECK(failed.error().to_string().find("set user 1000") != std::string::npos);
  CHECK(failed.error().to_string().find("Operation not permitted") != std::string::npos);
}

TEST_CASE("malformed requests never reach the shim", "[shim]") {
  Session session;
  CHECK(session.client->signal("short", 9).error().code() == Code::kInvalidArgument);
  ShimClient::LaunchRequest request;
  request.id = kId;
  request.log_name = "../escape";
  CHECK(session.client->launch(std::move(request), in(10s)).error().code() == Code::kInvalidArgument);
  ShimClient::LaunchRequest large;
  large.id = kId;
  for (int i = 0; i < 254; ++i) large.plan.fds.push_back(null_fd());
  CHECK(session.client->launch(std::move(large), in(10s)).error().code() == Code::kInvalidArgument);
  CHECK(session.client->connected());
}

TEST_CASE("errnos become the codes that callers act on", "[shim]") {
  Session session;
  const auto answer = [&](int err, auto&& call) {
    auto done = async(call);
    session.shim.reply(session.shim.receive().header.seq, err);
    return done.get();
  };
  CHECK(answer(0, [&] { return session.client->signal(kId, 15); }));
  CHECK(answer(ESRCH, [&] { return session.client->signal(kId, 15); }).error().code() == Code::kNotFound);
  CHECK(answer(EPERM, [&] { return session.client->signal(kId, 15); }).error().code() == Code::kInternal);
  CHECK(answer(EBUSY, [&] { return session.client->shut_down(in(10s)); }).error().code() ==
        Code::kFailedPrecondition);
  CHECK(answer(EBUSY, [&] { return session.client->forget(kId); }).error().code() ==
        Code::kFailedPrecondition);
  CHECK(answer(EIO, [&] { return session.client->reopen_log(kId, in(10s)); }).error().to_string().find(kId) !=
        std::string::npos);
}

TEST_CASE("replies out of order reach their own callers", "[shim]") {
  Session session;
  auto first = async([&] { return session.client->signal(kId, 1); });
  const auto one = session.shim.receive();
  auto second = async([&] { return session.client->signal(kId, 2); });
  const auto two = session.shim.receive();
  CHECK(one.header.seq != two.header.seq);
  session.shim.reply(two.header.seq, ESRCH);
  CHECK(second.get().error().code() == Code::kNotFound);
  session.shim.reply(one.header.seq, 0);
  CHECK(first.get());
}

TEST_CASE("a reply after the deadline is dropped, and the connection goes on", "[shim]") {
  Session session;
  const auto late = session.client->reopen_log(kId, in(1ms));
  REQUIRE_FALSE(late);
  CHECK(late.error().code() == Code::kDeadlineExceeded);
  session.shim.reply(session.shim.receive().header.seq, 0);
  auto next = async([&] { return session.client->signal(kId, 1); });
  session.shim.reply(session.shim.receive().header.seq, ESRCH);
  CHECK(next.get().error().code() == Code::kNotFound);
}

TEST_CASE("a list is all items of its own request", "[shim]") {
  Session session;
  auto done = async([&] { return session.client->list(in(10s)); });
  const auto seq = session.shim.receive().header.seq;
  session.shim.send(shim::Type::kListItem, seq, bytes_of(object('1', shim::Phase::kRunning)));
  session.shim.send(shim::Type::kListItem, seq + 100, bytes_of(object('2', shim::Phase::kRunning)));
  session.shim.send(shim::Type::kListItem, seq, bytes_of(object('3', shim::Phase::kExited)));
  session.shim.reply(seq, 0);
  const auto list = done.get();
  REQUIRE(list);
  REQUIRE(list->size() == 2);
  CHECK(text_of((*list)[1].id) == std::string(64, '3'));
}

TEST_CASE("events are delivered", "[shim]") {
  Session session;
  session.shim.send(shim::Type::kExited, 0, bytes_of(object('7', shim::Phase::kExited)));
  CHECK(session.exited.get_future().get() == std::string(64, '7'));
  session.shim.send(shim::Type::kPauseExited, 0, {});
  session.pause_exited.get_future().get();
  CHECK(session.client->pause_pid() == 0);
  session.shim.send(static_cast<shim::Type>(999), 0, {});  // of a newer shim
  auto done = async([&] { return session.client->signal(kId, 1); });
  session.shim.reply(session.shim.receive().header.seq, 0);
  CHECK(done.get());
}

TEST_CASE("a lost connection fails all waiting calls and says so once", "[shim]") {
  Session session;
  auto one = async([&] { return session.client->signal(kId, 1); });
  auto two = async([&] { return session.client->list(in(60s)); });
  (void)session.shim.receive();
  (void)session.shim.receive();
  session.shim.hang_up();
  const auto failed = one.get();
  CHECK(failed.error().code() == Code::kUnavailable);
  CHECK(failed.error().to_string().find(cat("shim of pod \"", session.shim.dir().substr(5), "\" is gone")) !=
        std::string::npos);
  CHECK(two.get().error().code() == Code::kUnavailable);
  session.gone.get_future().get();
  CHECK_FALSE(session.client->connected());
  CHECK(session.client->signal(kId, 1).error().code() == Code::kUnavailable);
}

TEST_CASE("nonsense from the shim ends the connection", "[shim]") {
  const auto kinds = GENERATE(0, 1, 2, 3, 4);
  Session session;
  std::vector<std::byte> packet;
  if (kinds == 0) packet.assign(3, std::byte{1});
  if (kinds == 1) packet.assign(100, std::byte{0xff});
  if (kinds == 2) packet = encode_message(shim::Type::kExited, 0, bytes_of(kinds));
  if (kinds == 3) packet = encode_message(shim::Type::kReply, 1, {});
  if (kinds == 4) {
    packet = encode_message(shim::Type::kReply, 1, {});
    packet.resize(shim::kMaxMessage + 500);
  }
  session.shim.send(packet);
  session.gone.get_future().get();
  CHECK_FALSE(session.client->connected());
  CHECK(session.shim.is_hung_up());
}

TEST_CASE("a client that is destroyed says nothing more", "[shim]") {
  Session session;
  session.client.reset();
  CHECK(session.shim.is_hung_up());
  session.shim.hang_up();
  std::promise<void> settled;
  session.reactor->post([&] { settled.set_value(); });
  settled.get_future().get();
  CHECK(session.gone.get_future().wait_for(0s) == std::future_status::timeout);
}

TEST_CASE("many threads share one connection", "[shim]") {
  constexpr int kThreads = 8;
  constexpr int kCalls = 100;
  Session session;
  std::atomic<int> wrong = 0;
  auto server = async([&] {
    std::vector<FakeShim::Request> held;
    for (int i = 0; i < kThreads * kCalls; ++i) {
      held.push_back(session.shim.receive());
      // Answers overtake each other wherever a second request is there already.
      if (session.shim.has_more()) continue;
      while (!held.empty()) {
        const int number = held.back().as<shim::SignalRequest>().signal_number;
        session.shim.reply(held.back().header.seq, number % 2 == 0 ? 0 : ESRCH);
        held.pop_back();
      }
    }
  });
  std::vector<std::future<void>> callers;
  for (int t = 0; t < kThreads; ++t) {
    callers.push_back(async([&, t] {
      for (int i = 0; i < kCalls; ++i) {
        const auto done = session.client->signal(kId, t + i);
        if (static_cast<bool>(done) != ((t + i) % 2 == 0)) ++wrong;
      }
    }));
  }
  for (auto& caller : callers) caller.get();
  server.get();
  CHECK(wrong == 0);
}
