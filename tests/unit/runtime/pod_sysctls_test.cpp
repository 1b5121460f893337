// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "runtime/namespaces.hpp"

using namespace berth;
using namespace berth::runtime;

namespace {

PodNamespacesRequest with(const std::string& key, const std::string& value = "1") {
  PodNamespacesRequest request;
  request.sysctls = {{key, value}};
  return request;
}

}  // namespace

TEST_CASE("sysctls of the pod's own namespaces are accepted with either separator", "[namespaces]") {
  for (const char* key : {"net.ipv4.ip_unprivileged_port_start", "net/ipv4/ip_forward",
                          "net.ipv4.conf.eth0/5.forwarding", "kernel.shm_rmid_forced", "kernel/sem",
                          "kernel.msgmax", "fs.mqueue.msg_max", "fs/mqueue/queues_max"}) {
    INFO(key);
    CHECK(check_pod_sysctls(with(key)));
  }
}

TEST_CASE("sysctls of the host are refused", "[namespaces]") {
  for (const char* key :
       {"kernel.core_pattern", "kernel.domainname", "kernel.hostname", "kernel.shm_next_id", "vm.swappiness",
        "fs.file-max", "kernel.semantics", "fs.mqueue", "net", "network.x", "kernel.sem.x"}) {
    INFO(key);
    const auto checked = check_pod_sysctls(with(key));
    REQUIRE_FALSE(checked);
    CHECK(checked.error().code() == Code::kInvalidArgument);
    CHECK(checked.error().to_string().find(key) != std::string::npos);
  }
}

TEST_CASE("malformed sysctls are refused", "[namespaces]") {
  for (const char* key :
       {"", ".", "net.", ".net.core.x", "net..ipv4", "net./ipv4", "net/../kernel/core_pattern",
        "net.ipv4/../../x", "net.ipv4.a b", "net.ipv4.x\n", "net.ipv4.x=1"}) {
    INFO(key);
    CHECK_FALSE(check_pod_sysctls(with(key)));
  }
  CHECK_FALSE(check_pod_sysctls(with(std::string("net.ipv4\0x", 10))));
  CHECK_FALSE(check_pod_sysctls(with("net." + std::string(300, 'x'))));
  CHECK_FALSE(check_pod_sysctls(with("net.ipv4.ip_forward", "")));
  CHECK_FALSE(check_pod_sysctls(with("net.ipv4.ip_forward", "1\n0")));
  CHECK_FALSE(check_pod_sysctls(with("net.ipv4.ip_forward", std::string("1\0", 2))));
  CHECK_FALSE(check_pod_sysctls(with("net.ipv4.ip_forward", std::string(5000, '1'))));
}

TEST_CASE("sysctls need the namespace that they belong to", "[namespaces]") {
  auto request = with("net.ipv4.ip_forward");
  request.network = false;
  CHECK_FALSE(check_pod_sysctls(request));
  request.sysctls = {{"kernel.shmmax", "1"}};
  CHECK(check_pod_sysctls(request));
  request.ipc = false;
  CHECK_FALSE(check_pod_sysctls(request));
  request.sysctls = {{"fs.mqueue.msg_max", "1"}};
  CHECK_FALSE(check_pod_sysctls(request));
}

TEST_CASE("a bad request for namespaces is refused before anything is made", "[namespaces]") {
  PodNamespacesRequest request;
  request.hostname = std::string(65, 'h');
  CHECK(create_pod_namespaces(request).error().code() == Code::kInvalidArgument);
  request.hostname = "pod";
  request.network_pin = "relative";
  CHECK(create_pod_namespaces(request).error().code() == Code::kInvalidArgument);
}
