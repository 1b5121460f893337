// SPDX-License-Identifier: Apache-2.0
// Real plugins on a real kernel: a node of its own, in network and mount namespaces that end with
// this program.
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <thread>

#include "base/subprocess.hpp"
#include "netcni/networks.hpp"

namespace berth::netcni {
namespace {

constexpr const char* kPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr const char* kBinDir = "/usr/lib/cni";
constexpr const char* kConfDir = "/run/net.d";

SpawnRequest shell(const std::string& script) {
  SpawnRequest request;
  request.program = "/bin/sh";
  request.argv = {"sh", "-ec", script};
  request.env = {kPath};
  request.new_session = true;
  return request;
}

/// The script's stdout; "failed: ..." when it fails.
std::string output_of(const std::string& script) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  const auto done = run_to_end(shell(script), "", 1 << 20, deadline);
  if (!done) return "failed: " + done.error().to_string();
  return done->wait_status == 0
             ? done->out
             : "failed: " + describe_wait_status(done->wait_status) + done->out + done->err;
}

bool succeeds(const std::string& script) {
  const std::string out = output_of(script);
  if (out.starts_with("failed: ")) UNSCOPED_INFO(script << ": " << out);
  return !out.starts_with("failed: ");
}

std::string missing_requirement() {
  if (::geteuid() != 0) return "not root";
  for (const char* plugin : {"bridge", "host-local", "portmap", "firewall", "tuning"}) {
    if (!std::filesystem::exists(std::string(kBinDir) + "/" + plugin))
      return std::string("no CNI plugin ") + plugin;
  }
  for (const char* tool : {"unshare", "ip", "iptables", "iptables-save", "busybox"}) {
    if (!succeeds(std::string("command -v ") + tool)) return std::string("no ") + tool;
  }
  if (!succeeds("unshare -n -m --propagation private iptables -t nat -S"))
    return "no namespaces with iptables NAT here";
  return "";
}

/// Runs one hidden test of this program on a node of its own.
void run_inside(const std::string& test) {
  if (const std::string missing = missing_requirement(); !missing.empty()) {
    std::cout << "SKIP: " << missing << "\n";
    return;
  }
  const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
  const std::string out =
      output_of("exec unshare -n -m --propagation private -- '" + self + "' '" + test + "' 2>&1");
  INFO(out);
  CHECK(out.find("All tests passed") != std::string::npos);
}

TEST_CASE("pods are attached, reached, checked and detached by the usual plugins", "[system][netcni]") {
  run_inside("inside: two pods");
}

TEST_CASE("what a failed attachment did is undone by the usual plugins", "[system][netcni]") {
  run_inside("inside: failed attachment");
}

/// Pods on a node that has nothing but a loopback interface.
class OwnNode {
 public:
  OwnNode() {
    REQUIRE(succeeds(
        "mount -t tmpfs tmpfs /run; mount -t tmpfs tmpfs /var/lib; mount -t sysfs sysfs /sys; mkdir -p "
        "/run/net.d /run/www;"
        "ip link set lo up; echo 1 > /proc/sys/net/ipv4/ip_forward; echo hello > /run/www/index.html"));
    auto started = Reactor::start();
    REQUIRE(started);
    reactor_ = *std::move(started);
    auto opened = Networks::open({kConfDir, {kBinDir}, std::chrono::seconds(30)}, *reactor_);
    REQUIRE(opened);
    networks_ = *std::move(opened);
  }

  /// Configures bridge, portmap and `last` in one go.
  void configure(const std::string& last) {
    std::ofstream("/run/net.d/new") << R"({"cniVersion":"1.0.0","name":"podnet","plugins":[
      {"type":"bridge","bridge":"berth-test0","isGateway":true,"hairpinMode":true,
       "ipam":{"type":"host-local","ranges":[[{"subnet":"10.88.77.0/24"}]],"routes":[{"dst":"0.0.0.0/0"}]}},
      {"type":"portmap","capabilities":{"portMappings":true}},)"
                                    << last << "]}";
    std::filesystem::rename("/run/net.d/new", "/run/net.d/10-pod.conflist");
    for (int i = 0; i < 2000 && !configured_; ++i) {
      configured_ = static_cast<bool>(networks_->ready());
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    REQUIRE(configured_);
  }

  static AttachRequest pod(const std::string& name) {
    REQUIRE(succeeds("ip netns add " + name));
    AttachRequest request;
    request.pod_id = name;
    request.namespace_ = "default";
    request.name = name;
    request.uid = name;
    request.netns = "/run/netns/" + name;
    return request;
  }

  Networks& networks() { return *networks_; }

 private:
  std::unique_ptr<Reactor> reactor_;
  std::unique_ptr<Networks> networks_;
  bool configured_ = false;
};

Attachment attach(OwnNode& node, const AttachRequest& request) {
  auto attachment = node.networks().attach(request, {});
  INFO((attachment ? "" : attachment.error().to_string()));
  REQUIRE(attachment);
  REQUIRE(attachment->ips.size() == 1);
  return *attachment;
}

std::string error_of(const Result<void>& result) {
  return result ? "" : result.error().to_string();
}

/// What the network still holds: reserved addresses, rules about them, interfaces of the bridge.
std::string traces() {
  return output_of(
      "ls /var/lib/cni/networks/podnet | grep -E '^(10|fd88)' || true;"
      "iptables-save | grep -F 10.88.77. || true; ip6tables-save | grep -F fd88:77: || true;"
      "ip -br link show master berth-test0 2>/dev/null || true");
}

TEST_CASE("inside: two pods", "[.inside]") {
  OwnNode node;
  node.configure(R"({"type":"firewall","backend":"iptables"})");
  AttachRequest serving = OwnNode::pod("pod1");
  serving.port_mappings = {{"tcp", 80, 18080, ""}};
  const Attachment server = attach(node, serving);
  const Attachment client = attach(node, OwnNode::pod("pod2"));
  CHECK(server.ips != client.ips);
  CHECK(succeeds("ip netns exec pod2 busybox ping -c 1 -W 5 " + server.ips[0]));
  CHECK(succeeds("ip netns exec pod1 busybox ping -c 1 -W 5 " + client.ips[0]));

  auto httpd = Subprocess::spawn(shell("exec ip netns exec pod1 busybox httpd -f -p 80 -h /run/www"));
  REQUIRE(httpd);
  const std::string fetch =
      "for i in $(seq 100); do printf \"GET / HTTP/1.0\\r\\n\\r\\n\" | busybox nc -w 5 10.88.77.1 18080 | "
      "grep hello && exit 0;"
      " sleep 0.1; done; exit 1";
  CHECK(output_of(fetch) == "hello\n");
  CHECK(output_of("ip netns exec pod2 sh -c '" + fetch + "'") == "hello\n");

  // Not of the server: portmap 1.1's CHECK wants rules of both address families, whatever the pod has.
  CHECK(error_of(node.networks().check(client)) == "");
  CHECK(succeeds("ip netns exec pod2 ip address flush dev eth0"));
  CHECK_THAT(error_of(node.networks().check(client)), Catch::Contains("plugin \"bridge\": CHECK"));

  CHECK_THAT(traces(), Catch::Contains(server.ips[0]) && Catch::Contains(client.ips[0]));
  CHECK(error_of(node.networks().detach(server)) == "");
  CHECK(error_of(node.networks().detach(server)) == "");
  CHECK(succeeds("! ip netns exec pod1 ip link show eth0"));
  httpd->kill_group_and_reap();
  CHECK(succeeds("ip netns del pod2"));  // before DEL, as after a crash
  CHECK(error_of(node.networks().detach(client)) == "");
  CHECK(traces().empty());
}

TEST_CASE("inside: failed attachment", "[.inside]") {
  OwnNode node;
  node.configure(R"({"type":"tuning","sysctl":{"net.ipv4.no_such_sysctl":"1"}})");
  AttachRequest request = OwnNode::pod("pod3");
  request.port_mappings = {{"tcp", 80, 18080, ""}};
  const auto attachment = node.networks().attach(request, {});
  REQUIRE_FALSE(attachment);
  CHECK_THAT(attachment.error().to_string(), Catch::Contains("plugin \"tuning\": ADD"));
  CHECK(traces().empty());
}

}  // namespace
}  // namespace berth::netcni
