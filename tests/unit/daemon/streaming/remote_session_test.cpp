// SPDX-License-Identifier: Apache-2.0
#include "daemon/streaming/remote_session.hpp"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <thread>

#include "daemon/streaming/big_endian.hpp"

using namespace berth;
using namespace berth::daemon::streaming;
using namespace std::string_literals;

namespace {

std::string frame(char channel, std::string_view payload) {
  std::string wire = "\x82\xff"s;  // masked with zeros
  put_big_endian<8>(wire, payload.size() + 1);
  wire += "\0\0\0\0"s;
  wire += channel;
  return wire.append(payload);
}

/// A program's three pipes: `session` goes to the session, the rest is the program's.
struct Program {
  ProgramEnds session;
  UniqueFd in, out, err, ended{::eventfd(0, EFD_CLOEXEC)};
  Program() {
    connect(in, session.in, true);
    connect(session.out, out, false);
    connect(session.err, err, false);
  }
  static void connect(UniqueFd& read_end, UniqueFd& write_end, bool session_writes) {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    read_end.reset(ends[0]);
    write_end.reset(ends[1]);
    REQUIRE(::fcntl(session_writes ? ends[1] : ends[0], F_SETFL, O_NONBLOCK) == 0);
  }
  void end() {
    out.reset();
    err.reset();
    in.reset();
    tell();
  }
  void tell() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto told = ::write(ended.get(), &one, sizeof one);  // also in threads
  }
};

std::string read_all(int fd, std::size_t at_most = SIZE_MAX) {
  std::string all;
  char part[65536];
  while (all.size() < at_most) {
    const ssize_t got = ::read(fd, part, std::min(sizeof part, at_most - all.size()));
    if (got <= 0) break;
    all.append(part, static_cast<std::size_t>(got));
  }
  return all;
}

/// Also in threads, where Catch2 cannot be told of anything: who reads sees whether it was all.
void write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

/// A session with a v5 WebSocket client, on a thread of its own.
struct Session {
  UniqueFd client, server;
  Program program;
  RemoteSession::Ending ending{};
  std::thread thread;
  explicit Session(RemoteSession::Limits limits = {}, const std::string& early = "") {
    int pair[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    client.reset(pair[0]);
    server.reset(pair[1]);
    ::signal(SIGPIPE, SIG_IGN);  // blocked in the daemon's threads
    thread = std::thread([this, limits, early] {
      ClientSocket socket(std::move(server));
      Upgrade upgrade;
      upgrade.websocket = true;
      upgrade.version = 5;
      RemoteSession session(socket, upgrade, {.in = true, .out = true, .err = true}, early, limits);
      if (!session.wait_for_channels()) return;
      ending = session.relay(std::move(program.session), program.ended.get());
      if (ending == RemoteSession::Ending::kProgramEnded) session.finish(RemoteStatus::exited(3));
    });
    CHECK(read_all(client.get(), 3) == "\x82\x01\x01");
  }
  ~Session() { thread.join(); }
};

}  // namespace

TEST_CASE("Output, then the exit code, then the goodbye") {
  Session session;
  write_all(session.program.out.get(), "hello");
  CHECK(read_all(session.client.get(), 8) == "\x82\x06\x01hello");
  session.program.end();
  const std::string rest = read_all(session.client.get());
  CHECK(rest.find("NonZeroExitCode") != std::string::npos);
  CHECK(rest.ends_with("\x88\x02\x03\xe8"));
  session.client.reset();
}

TEST_CASE("stdin reaches the program whole, and the close signal is its end") {
  Session session;
  const std::string payload(3 << 20, 'x');
  std::thread writer([&] { write_all(session.client.get(), frame(0, payload) + frame('\xff', "\0"s)); });
  CHECK(read_all(session.program.in.get()) == payload);
  writer.join();
  session.program.end();
  session.client.reset();
}

TEST_CASE("An end of stdin that came before the program is still its end") {
  Session session({}, frame(0, "early") + frame('\xff', "\0"s));
  CHECK(read_all(session.program.in.get()) == "early");
  session.program.end();
  session.client.reset();
}

TEST_CASE("A client that hangs up ends the session, also while its stdin waits") {
  Session session;
  write_all(session.client.get(), frame(0, std::string(1 << 20, 'x')).substr(0, 400000));
  session.client.reset();
  session.thread.join();
  CHECK(session.ending == RemoteSession::Ending::kClientGone);
  session.thread = std::thread([] {});
}

TEST_CASE("A program that reads no stdin is no reason to end") {
  Session session;
  session.program.in.reset();
  write_all(session.client.get(), frame(0, "nobody reads this"));
  write_all(session.program.err.get(), "still here");
  CHECK(read_all(session.client.get(), 13) == "\x82\x0b\x02still here");
  session.program.end();
  session.client.reset();
}

TEST_CASE("Who still holds the output after the program's end does not hold the session") {
  Session session;
  write_all(session.program.out.get(), "last words");
  session.program.tell();  // and the pipes stay open
  const std::string all = read_all(session.client.get());
  CHECK(all.find("last words") != std::string::npos);
  CHECK(all.find("NonZeroExitCode") != std::string::npos);
  session.client.reset();
}

TEST_CASE("A slow client gets all of the program's last words") {
  Session session;
  constexpr std::size_t kSize = 8 << 20;
  std::thread program([&] {
    write_all(session.program.out.get(), std::string(kSize, 'y'));
    session.program.end();
  });
  ::usleep(300'000);  // longer than the grace, with the session's queue full
  std::string all;
  while (all.find("NonZeroExitCode") == std::string::npos) {
    const std::string part = read_all(session.client.get(), 65536);
    REQUIRE_FALSE(part.empty());
    all += part;
  }
  program.join();
  CHECK(static_cast<std::size_t>(std::count(all.begin(), all.end(), 'y')) >= kSize);
  session.client.reset();
}

TEST_CASE("A session in which nothing moves ends after its time") {
  Session session({.idle = std::chrono::seconds(1)});
  session.thread.join();
  CHECK(session.ending == RemoteSession::Ending::kIdle);
  session.thread = std::thread([] {});
}

TEST_CASE("The daemon's stop ends a session") {
  const UniqueFd stop(::eventfd(0, EFD_CLOEXEC));
  Session session({.stop_fd = stop.get()});
  const std::uint64_t one = 1;
  REQUIRE(::write(stop.get(), &one, sizeof one) == sizeof one);
  session.thread.join();
  CHECK(session.ending == RemoteSession::Ending::kStopped);
  session.thread = std::thread([] {});
}
