// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <string>
#include <thread>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "catch_main.hpp"
#include "runtime/namespaces.hpp"
#include "tree.hpp"

// Pod namespaces on the kernel that this runs on. The program's own namespaces stay as they are:
// every test looks into the new ones from a thread that ends afterwards.

using namespace berth;
using namespace berth::runtime;
using berth::testing::Tree;

namespace {

struct Identity {
  std::uint64_t net = 0, ipc = 0, uts = 0;
  friend bool operator==(const Identity&, const Identity&) = default;
};

std::uint64_t inode_of(const char* path) {
  struct stat info {};
  return ::stat(path, &info) == 0 ? info.st_ino : 0;
}
std::uint64_t inode_of(int fd) {
  struct stat info {};
  return ::fstat(fd, &info) == 0 ? info.st_ino : 0;
}

Identity own() {
  return {inode_of("/proc/thread-self/ns/net"), inode_of("/proc/thread-self/ns/ipc"),
          inode_of("/proc/thread-self/ns/uts")};
}

std::string host_name() {
  std::array<char, 256> name{};
  ::gethostname(name.data(), name.size() - 1);
  return name.data();
}

std::string sysctl(const std::string& path) {
  auto text = read_file("/proc/sys/" + path, 4096);
  if (!text) return text.error().to_string();
  while (!text->empty() && text->back() == '\n') text->pop_back();
  return *text;
}

bool is_loopback_up() {
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq interface {};
  std::snprintf(interface.ifr_name, sizeof(interface.ifr_name), "lo");
  return ::ioctl(socket.get(), SIOCGIFFLAGS, &interface) == 0 && (interface.ifr_flags & IFF_UP) != 0;
}

/// Runs `look` inside the namespaces, in a thread of its own.
template <class Look>
void inside(const PodNamespaces& made, Look&& look) {
  std::jthread([&] {
    for (const UniqueFd* fd : {&made.network, &made.ipc, &made.uts}) {
      if (*fd && ::setns(fd->get(), 0) != 0) std::abort();
    }
    look();
  }).join();
}

PodNamespaces make(const PodNamespacesRequest& request) {
  auto made = create_pod_namespaces(request);
  if (!made) throw std::runtime_error(made.error().to_string());
  return *std::move(made);
}

/// A directory for pins; unpinned whatever happens.
struct Pins {
  Tree tree;
  std::string pin = tree.path("net");
  ~Pins() { (void)unpin_namespace(pin); }
};

}  // namespace

TEST_CASE("the namespaces are new, furnished, and this thread is back in its own") {
  const Identity before = own();
  const std::string name = host_name();
  const std::string port = sysctl("net/ipv4/ip_unprivileged_port_start");
  const std::string forced = sysctl("kernel/shm_rmid_forced");
  PodNamespacesRequest request;
  request.hostname = "berth-test-pod";
  request.sysctls = {{"net.ipv4.ip_unprivileged_port_start", "17"},
                     {"kernel.shm_rmid_forced", "1"},
                     {"fs/mqueue/msg_max", "11"}};
  const PodNamespaces made = make(request);
  CHECK(own() == before);
  CHECK(inode_of(made.network.get()) != before.net);
  CHECK(inode_of(made.ipc.get()) != before.ipc);
  CHECK(inode_of(made.uts.get()) != before.uts);
  CHECK(::ioctl(made.network.get(), NS_GET_NSTYPE) == CLONE_NEWNET);
  CHECK(host_name() == name);
  CHECK(sysctl("net/ipv4/ip_unprivileged_port_start") == port);
  CHECK(sysctl("kernel/shm_rmid_forced") == forced);
  inside(made, [] {
    CHECK(host_name() == "berth-test-pod");
    CHECK(sysctl("net/ipv4/ip_unprivileged_port_start") == "17");
    CHECK(sysctl("kernel/shm_rmid_forced") == "1");
    CHECK(sysctl("fs/mqueue/msg_max") == "11");
    CHECK(is_loopback_up());
  });
}

TEST_CASE("what the pod shares with the host is not made") {
  PodNamespacesRequest request;
  request.network = false;
  request.uts = false;
  const PodNamespaces made = make(request);
  CHECK_FALSE(made.network);
  CHECK_FALSE(made.uts);
  CHECK(inode_of(made.ipc.get()) != own().ipc);
  request.ipc = false;
  CHECK_FALSE(make(request).ipc);
}

TEST_CASE("a pin keeps the network namespace until it is taken away") {
  Pins pins;
  PodNamespacesRequest request;
  request.ipc = request.uts = false;
  request.network_pin = pins.pin;
  std::uint64_t inode = 0;
  {
    const PodNamespaces made = make(request);
    inode = inode_of(made.network.get());
  }
  struct statfs info {};
  REQUIRE(::statfs(pins.pin.c_str(), &info) == 0);
  CHECK(info.f_type == NSFS_MAGIC);
  CHECK(inode_of(pins.pin.c_str()) == inode);
  REQUIRE(unpin_namespace(pins.pin));
  CHECK_FALSE(exists(pins.pin));
  CHECK(unpin_namespace(pins.pin));
  CHECK(unpin_namespace(pins.tree.path("absent/net")));
}

TEST_CASE("a pin without a mount, left by a crash, is removed") {
  Pins pins;
  pins.tree.write("net", "");
  CHECK(unpin_namespace(pins.pin));
  CHECK_FALSE(exists(pins.pin));
}

TEST_CASE("a pin that is in use is detached") {
  Pins pins;
  PodNamespacesRequest request;
  request.ipc = request.uts = false;
  request.network_pin = pins.pin;
  make(request);
  const auto user = open_at(kCwd, pins.pin, O_RDONLY);
  REQUIRE(user);
  CHECK(unpin_namespace(pins.pin));
  CHECK_FALSE(exists(pins.pin));
}

TEST_CASE("failures leave no pin, and the thread in its own namespaces") {
  const Identity before = own();
  Pins pins;
  PodNamespacesRequest request;
  request.hostname = "pod";
  request.network_pin = pins.pin;
  SECTION("a sysctl of the host") {
    request.sysctls = {{"kernel.core_pattern", "|/bin/false"}};
  }
  SECTION("a sysctl that does not exist") {
    request.sysctls = {{"net.ipv4.no_such_thing", "1"}};
  }
  SECTION("a value that the kernel refuses") {
    request.sysctls = {{"net.ipv4.ip_unprivileged_port_start", "banana"}};
  }
  const auto made = create_pod_namespaces(request);
  REQUIRE_FALSE(made);
  INFO(made.error().to_string());
  CHECK(made.error().code() == Code::kInvalidArgument);
  CHECK(made.error().to_string().find(request.sysctls.begin()->first) != std::string::npos);
  CHECK_FALSE(exists(pins.pin));
  CHECK(own() == before);
}

TEST_CASE("an existing pin is not taken over") {
  Pins pins;
  pins.tree.write("net", "somebody's");
  PodNamespacesRequest request;
  request.ipc = request.uts = false;
  request.network_pin = pins.pin;
  const Identity before = own();
  const auto made = create_pod_namespaces(request);
  REQUIRE_FALSE(made);
  CHECK(made.error().sys_errno() == EEXIST);
  CHECK(pins.tree.read("net") == "somebody's");
  CHECK(own() == before);
  request.network_pin = pins.tree.path("absent/net");
  CHECK(create_pod_namespaces(request).error().sys_errno() == ENOENT);
  CHECK(own() == before);
}

TEST_CASE("eight threads make namespaces at once and each keeps its own") {
  const Identity before = own();
  std::atomic<int> strayed = 0;
  std::atomic<int> failed = 0;
  std::vector<std::jthread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 10; ++i) {
        PodNamespacesRequest request;
        request.hostname = cat("pod-", t, "-", i);
        request.sysctls = {{"net.ipv4.ip_unprivileged_port_start", std::to_string(100 + t)}};
        auto made = create_pod_namespaces(request);
        if (!made) ++failed;
        if (own() != before || host_name() == request.hostname) ++strayed;
        if (!made) continue;
        inside(*made, [&] {
          if (host_name() != request.hostname) ++strayed;
          if (sysctl("net/ipv4/ip_unprivileged_port_start") != std::to_string(100 + t)) ++strayed;
        });
      }
    });
  }
  threads.clear();
  CHECK(failed == 0);
  CHECK(strayed == 0);
}

const char* berth::testing::prepare(int, char**) {
  if (::geteuid() != 0) return "namespaces cannot be made without root";
  // Pins are mounts: in a mount namespace of this program's own they vanish with it, whatever happens.
  if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return "no mount namespace of its own";
  return nullptr;
}
