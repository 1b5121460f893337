// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <iostream>
#include <thread>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "runtime/namespaces.hpp"
#include "spec_bundle.hpp"

using namespace berth;
using berth::testing::Bundle;

// Namespaces of all kinds but the user's, what is set in them, and the seccomp agent.
namespace {

std::string namespaces(const std::string& list, const std::string& more = "") {
  return cat(R"({"linux":{"namespaces":[{"type":"pid"},{"type":"mount"},{"type":"uts"},{"type":"ipc"})", list,
             "]", more, "}}");
}

/// Of this process, as the container shows its own.
std::string own(const char* kind) {
  char link[64] = {};
  REQUIRE(::readlink(cat("/proc/self/ns/", kind).c_str(), link, sizeof link - 1) > 0);
  return link;
}

std::string fd_path(int fd) {
  return cat("/proc/", ::getpid(), "/fd/", fd);
}

/// Answers one system call of the container by saying that it worked.
class Agent {
 public:
  explicit Agent(const std::string& path) : listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, path.size());
    REQUIRE(::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(listener_.get(), 4) == 0);
    thread_ = std::thread([this] { serve(); });
  }
  ~Agent() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;
  std::string message() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
    thread_ = std::thread([] {});
    return message_;
  }

 private:
  void serve() {
    const UniqueFd peer(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!peer) return;
    char text[4096];
    char control[CMSG_SPACE(sizeof(int))];
    iovec part{text, sizeof text};
    msghdr packet{};
    packet.msg_iov = &part;
    packet.msg_iovlen = 1;
    packet.msg_control = control;
    packet.msg_controllen = sizeof control;
    const ssize_t size = ::recvmsg(peer.get(), &packet, MSG_CMSG_CLOEXEC);
    const cmsghdr* rights = CMSG_FIRSTHDR(&packet);
    if (size <= 0 || rights == nullptr) return;
    message_.assign(text, static_cast<std::size_t>(size));
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(rights), sizeof fd);
    const UniqueFd notify(fd);
    seccomp_notif request{};
    if (::ioctl(notify.get(), SECCOMP_IOCTL_NOTIF_RECV, &request) != 0) return;
    seccomp_notif_resp answer{};
    answer.id = request.id;
    ::ioctl(notify.get(), SECCOMP_IOCTL_NOTIF_SEND, &answer);
  }

  UniqueFd listener_;
  std::thread thread_;
  std::string message_;
};

}  // namespace

TEST_CASE("a new time namespace has its clocks shifted before the first process enters") {
  Bundle bundle;
  const auto outcome = bundle.run(
      "cat /proc/self/timens_offsets; readlink /proc/self/ns/time",
      namespaces(R"(,{"type":"time"})",
                 R"(,"timeOffsets":{"monotonic":{"secs":5000,"nanosecs":1},"boottime":{"secs":-1}})"));
  INFO(outcome.error << outcome.output);
  CHECK(outcome.output.find("monotonic        5000         1") != std::string::npos);
  CHECK(outcome.output.find("boottime           -1         0") != std::string::npos);
  CHECK_FALSE(outcome.has_line(own("time")));
  CHECK_FALSE(
      bundle.run("readlink /proc/self/ns/time", namespaces(R"(,{"type":"time"})")).has_line(own("time")));
}

TEST_CASE("a new network namespace has its loopback device up") {
  Bundle bundle;
  const auto outcome = bundle.run("ifconfig lo | grep -c UP; ls /proc/sys/net/ipv4/conf",
                                  namespaces(R"(,{"type":"network"})"));
  INFO(outcome.error << outcome.output);
  CHECK(outcome.has_line("1"));
  CHECK_FALSE(outcome.has_line("eth0"));
}

TEST_CASE("namespaces are joined by path, and what is no namespace of the type is refused") {
  Bundle bundle;
  runtime::PodNamespacesRequest wanted;
  wanted.hostname = "joined";
  const auto made = runtime::create_pod_namespaces(wanted);
  REQUIRE(made);
  const auto joined = bundle.run(
      "hostname; for i in net uts ipc; do readlink /proc/self/ns/$i; done",
      cat(R"({"hostname":null,"linux":{"namespaces":[{"type":"pid"},{"type":"mount"},{"type":"uts","path":")",
          fd_path(made->uts.get()), R"("},{"type":"ipc","path":")", fd_path(made->ipc.get()),
          R"("},{"type":"network","path":")", fd_path(made->network.get()), R"("}]}})"));
  INFO(joined.error << joined.output);
  CHECK(joined.has_line("joined"));
  for (const int fd : {made->network.get(), made->uts.get(), made->ipc.get()}) {
    struct stat status {};
    REQUIRE(::fstat(fd, &status) == 0);
    CHECK(joined.output.find(cat("[", status.st_ino, "]")) != std::string::npos);
  }
  const auto wrong = bundle.run("true", namespaces(R"(,{"type":"network","path":"/proc/self/ns/uts"})"));
  CHECK(wrong.error.find("is not a network namespace") != std::string::npos);
  const auto absent = bundle.run("true", namespaces(R"(,{"type":"network","path":"/not/there"})"));
  CHECK(absent.error.find("/not/there") != std::string::npos);
}

TEST_CASE("a pid, a time and a cgroup namespace are joined by path") {
  Bundle bundle;
  const auto outcome = bundle.run(
      "for i in pid time cgroup; do readlink /proc/self/ns/$i; done",
      R"({"linux":{"namespaces":[{"type":"mount"},{"type":"uts"},{"type":"pid","path":"/proc/self/ns/pid"},
        {"type":"time","path":"/proc/self/ns/time"},{"type":"cgroup","path":"/proc/self/ns/cgroup"}]}})");
  INFO(outcome.error << outcome.output);
  CHECK(outcome.output == cat(own("pid"), "\n", own("time"), "\n", own("cgroup"), "\n"));
}

TEST_CASE("a mount namespace that exists is joined, and the root is changed in it") {
  Bundle bundle;
  // A namespace of its own for the test: the container takes its root away.
  UniqueFd made;
  std::thread([&] {
    REQUIRE(::unshare(CLONE_NEWNS) == 0);
    made = UniqueFd(::open("/proc/thread-self/ns/mnt", O_RDONLY | O_CLOEXEC));
  }).join();
  const auto outcome =
      bundle.run("ls /; readlink /proc/self/ns/mnt",
                 cat(R"({"linux":{"namespaces":[{"type":"pid"},{"type":"uts"},{"type":"mount","path":")",
                     fd_path(made.get()), R"("}]}})"));
  struct stat status {};
  REQUIRE(::fstat(made.get(), &status) == 0);
  INFO(outcome.error << outcome.output);
  CHECK(outcome.has_line(cat("mnt:[", status.st_ino, "]")));
  CHECK(outcome.has_line("bin"));
  CHECK_FALSE(outcome.has_line("usr"));
}

TEST_CASE("without a mount namespace there is a new one all the same, and a warning") {
  Bundle bundle;
  const auto outcome =
      bundle.run("readlink /proc/self/ns/mnt", R"({"linux":{"namespaces":[{"type":"pid"},{"type":"uts"}]}})");
  CHECK(outcome.exit_code == 0);
  CHECK_FALSE(outcome.has_line(own("mnt")));
  REQUIRE(outcome.warnings.size() == 1);
  CHECK(outcome.warnings[0].find("mount namespace") != std::string::npos);
}

TEST_CASE("sysctls are set in the container's own namespaces and nowhere else") {
  Bundle bundle;
  const std::string before = *read_file("/proc/sys/net/ipv4/ip_default_ttl", 64);
  const auto outcome = bundle.run(
      "cat /proc/sys/net/ipv4/ip_default_ttl /proc/sys/kernel/shm_rmid_forced /proc/sys/kernel/domainname "
      "/proc/sys/fs/mqueue/msg_max",
      namespaces(
          R"(,{"type":"network"})",
          R"(,"sysctl":{"net.ipv4.ip_default_ttl":"33","kernel/shm_rmid_forced":"1","kernel.domainname":"d.test",
                   "fs.mqueue.msg_max":"17"})"));
  INFO(outcome.error << outcome.output);
  CHECK(outcome.output == "33\n1\nd.test\n17\n");
  CHECK(*read_file("/proc/sys/net/ipv4/ip_default_ttl", 64) == before);
  const auto host = bundle.run("true", namespaces(R"(,{"type":"network","path":"/proc/self/ns/net"})",
                                                  R"(,"sysctl":{"net.ipv4.ip_default_ttl":"33"})"));
  CHECK(host.error.find("is the host's network namespace") != std::string::npos);
  const auto none = bundle.run("true", namespaces("", R"(,"sysctl":{"net.ipv4.ip_default_ttl":"33"})"));
  CHECK(none.error.find("network namespace of the container's own") != std::string::npos);
  const auto bad =
      bundle.run("true", namespaces(R"(,{"type":"network"})", R"(,"sysctl":{"net.ipv4.no_such":"1"})"));
  CHECK(bad.error.find("set sysctl net.ipv4.no_such to 1: No such file or directory") != std::string::npos);
}

TEST_CASE("sysctls of a user namespace's own network are set, too") {
  Bundle bundle;
  const auto outcome = bundle.run(
      "cat /proc/sys/net/ipv4/ip_default_ttl /proc/sys/kernel/shm_rmid_forced",
      R"({"process":{"user":{"uid":0,"gid":0}},"linux":{"namespaces":[{"type":"pid"},{"type":"mount"},{"type":"uts"},
        {"type":"ipc"},{"type":"network"},{"type":"user"}],
        "uidMappings":[{"containerID":0,"hostID":0,"size":65536}],
        "gidMappings":[{"containerID":0,"hostID":0,"size":65536}],
        "sysctl":{"net.ipv4.ip_default_ttl":"44","kernel.shm_rmid_forced":"1"}}})");
  INFO(outcome.error << outcome.output);
  CHECK(outcome.output == "44\n1\n");
}

TEST_CASE("a network device is moved in with its addresses under its new name") {
  if (std::system("ip link add berth-sp0 type veth peer name berth-sp1 2>/dev/null") != 0) {
    std::cout << "SKIP: no veth devices here\n";
    return;
  }
  REQUIRE(std::system(
              "ip addr add 192.0.2.5/24 dev berth-sp0 && ip -6 addr add 2001:db8::5/64 dev berth-sp0 nodad "
              "&& ip link set berth-sp1 up") == 0);
  Bundle bundle;
  const auto outcome =
      bundle.run("ip addr show dev inside",
                 namespaces(R"(,{"type":"network"})", R"(,"netDevices":{"berth-sp0":{"name":"inside"}})"));
  const auto absent =
      bundle.run("true", namespaces(R"(,{"type":"network"})", R"(,"netDevices":{"berth-none":{}})"));
  // It may have gone already, with its peer in the container's network.
  if (std::system("ip link del berth-sp1 2>/dev/null") != 0)
    CHECK(std::system("ip link show berth-sp1 >/dev/null 2>&1") != 0);
  INFO(outcome.error << outcome.output);
  CHECK(outcome.output.find("192.0.2.5/24") != std::string::npos);
  CHECK(outcome.output.find("2001:db8::5/64") != std::string::npos);
  CHECK(outcome.output.find("UP") != std::string::npos);
  CHECK(absent.error.find("there is no network device berth-none") != std::string::npos);
}

TEST_CASE("a seccomp agent gets the listener and one state, and answers for the kernel") {
  for (const bool no_new_privileges : {true, false}) {
    Bundle bundle;
    Agent agent(bundle.path("agent.sock"));
    const auto outcome = bundle.run(
        "mkdir /not-really && echo agreed; test -e /not-really || echo absent",
        cat(R"({"annotations":{"a":"b"},"process":{"noNewPrivileges":)", no_new_privileges ? "true" : "false",
            R"(},"linux":{"seccomp":{"defaultAction":"SCMP_ACT_ALLOW","listenerPath":")",
            bundle.path("agent.sock"),
            R"(","listenerMetadata":"meta","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_NOTIFY"}]}}})"));
    INFO(outcome.error << outcome.output);
    CHECK(outcome.output == "agreed\nabsent\n");
    const auto state = parse_json(agent.message(), 1 << 16, "state");
    REQUIRE(state);
    INFO(to_text(*state));
    CHECK((*state)["fds"][0] == "seccompFd");
    CHECK((*state)["metadata"] == "meta");
    CHECK((*state)["pid"].get<int>() > 1);
    CHECK((*state)["state"]["pid"] == (*state)["pid"]);
    CHECK((*state)["state"]["bundle"] == bundle.tree().root());
    CHECK((*state)["state"]["annotations"]["a"] == "b");
  }
}

TEST_CASE("a seccomp agent that is not there, or that would be asked about itself, is refused") {
  Bundle bundle;
  const auto profile = [&](const std::string& rest) {
    return cat(R"({"linux":{"seccomp":{"defaultAction":"SCMP_ACT_ALLOW",)", rest, "}}}");
  };
  const std::string rule = R"("syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_NOTIFY"}])";
  CHECK(bundle.run("true", profile(cat(R"("listenerPath":"/not/there",)", rule))).error.find("/not/there") !=
        std::string::npos);
  CHECK(bundle.run("true", profile(rule)).error.find("listenerPath") != std::string::npos);
  CHECK(
      bundle
          .run("true",
               profile(R"("listenerPath":"/x","syscalls":[{"names":["write"],"action":"SCMP_ACT_NOTIFY"}])"))
          .error.find("write") != std::string::npos);
  CHECK(bundle.run("true", R"({"linux":{"seccomp":{"defaultAction":"SCMP_ACT_NOTIFY","listenerPath":"/x"}}})")
            .error.find("defaultAction") != std::string::npos);
  CHECK(bundle.run("true", profile(R"("flags":["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"])"))
            .error.find("WAIT_KILLABLE_RECV") != std::string::npos);
}

TEST_CASE("cache allocation is refused by name where the kernel has none") {
  Bundle bundle;
  const auto outcome = bundle.run("true", R"({"linux":{"intelRdt":{"l3CacheSchema":"L3:0=f"}}})");
  if (::access("/sys/fs/resctrl/schemata", F_OK) == 0) {
    std::cout << "SKIP: resctrl is mounted\n";
    return;
  }
  CHECK(outcome.error.find("linux.intelRdt: no resctrl is mounted") != std::string::npos);
}
