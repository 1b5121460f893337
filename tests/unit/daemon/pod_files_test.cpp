// SPDX-License-Identifier: Apache-2.0
#include "daemon/spec/pod_files.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "messages.hpp"
#include "tree.hpp"

using namespace berth;
using namespace berth::daemon;
using namespace berth::daemon::testing;
using berth::testing::Tree;

TEST_CASE(
    "resolv.conf has one search line, one line for each server, and one of options; none for what is empty") {
  CHECK(format_resolv_conf({}).empty());
  CHECK(format_resolv_conf(proto<cri::DNSConfig>("options: 'ndots:5'")) == "options ndots:5\n");
  CHECK(format_resolv_conf(proto<cri::DNSConfig>(
            "servers: ['10.0.0.10', 'fd00::a'] searches: ['a.b', 'c'] options: ['ndots:5', 'edns0']")) ==
        "search a.b c\nnameserver 10.0.0.10\nnameserver fd00::a\noptions ndots:5 edns0\n");
}

TEST_CASE("A pod's files carry its name and addresses, and everybody may read them") {
  const Tree tree;
  const auto config = proto<cri::PodSandboxConfig>("hostname: 'web-0' dns_config { servers: '10.0.0.10' }");
  const mode_t before = ::umask(077);  // the daemon's umask is not the containers' business
  const auto written = write_pod_files(tree.path("etc"), config, {"10.1.2.3", "fd00::3"});
  ::umask(before);
  REQUIRE(written);
  CHECK(tree.read("etc/hostname") == "web-0\n");
  CHECK(tree.read("etc/resolv.conf") == "nameserver 10.0.0.10\n");
  const std::string hosts = tree.read("etc/hosts");
  CHECK(hosts.find("127.0.0.1\tlocalhost\n") == 0);
  CHECK(hosts.find("10.1.2.3\tweb-0\n") != std::string::npos);
  CHECK(hosts.find("fd00::3\tweb-0\n") != std::string::npos);
  for (const char* name : {"etc/hosts", "etc/hostname", "etc/resolv.conf"}) {
    struct stat info {};
    REQUIRE(::stat(tree.path(name).c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0644);
  }
}

TEST_CASE("A pod without a host name has its own name in hosts and hostname") {
  const Tree tree;
  REQUIRE(write_pod_files(tree.path("etc"), proto<cri::PodSandboxConfig>("metadata { name: 'web-0' }"),
                          {"10.1.2.3"}));
  CHECK(tree.read("etc/hosts").find("10.1.2.3\tweb-0\n") != std::string::npos);
  CHECK(tree.read("etc/hostname") == "web-0\n");
}

TEST_CASE("A name that cannot be a host name becomes one") {
  const auto named = [](const std::string& name) {
    cri::PodSandboxConfig config;
    config.mutable_metadata()->set_name(name);
    return pod_hostname(config);
  };
  CHECK(named("Web_0.example") == "web-0-example");
  CHECK(named("-_a b\n-") == "a-b");
  CHECK(named(std::string(70, 'x')) == std::string(63, 'x'));
  CHECK(named(std::string(62, 'x') + "-y") == std::string(62, 'x'));
  CHECK(named("\xc3\xa9") == "pod");
  CHECK(named("") == "pod");
}

TEST_CASE("A pod in the host's network has the host's name and hosts") {
  const Tree tree;
  REQUIRE(write_pod_files(
      tree.path("etc"),
      proto<cri::PodSandboxConfig>("linux { security_context { namespace_options { network: NODE } } }"),
      {}));
  char name[65] = {};
  REQUIRE(::gethostname(name, sizeof name - 1) == 0);
  CHECK(tree.read("etc/hostname") == std::string(name) + "\n");
  const auto host = read_file("/etc/hosts", 1 << 20);
  CHECK(tree.read("etc/hosts") == (host ? *host : ""));
}

TEST_CASE("A directory that cannot be made is an error that names it") {
  const Tree tree{{"file", ""}};
  const auto written = write_pod_files(tree.path("file/etc"), {}, {});
  CHECK(refusal(written).find(tree.path("file")) != std::string::npos);
}
