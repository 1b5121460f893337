// SPDX-License-Identifier: Apache-2.0
#include "daemon/spec/container_spec.hpp"

#include <fcntl.h>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "messages.hpp"
#include "recording_cgroups.hpp"
#include "runtime/oci/spec_json.hpp"
#include "runtime/seccomp_program.hpp"
#include "tree.hpp"

using namespace berth;
using namespace berth::daemon;
using namespace berth::daemon::testing;
using berth::testing::Tree;
using Words = std::vector<std::string>;
using enum oci::NamespaceType;

namespace {

/// A pod, an image and a host, all of which can be changed before the container is built.
struct Fixture {
  Tree rootfs{{"etc/passwd", "root:x:0:0::/root:\napp:x:1000:1000::/home/app:\n"},
              {"etc/group", "wheel:x:10:app\n"}};
  UniqueFd rootfs_fd{::open(rootfs.root().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
  RecordingCgroups cgroups;
  Layout layout{"/var/lib/berth", "/run/berth"};
  PodRecord pod;
  image::ImageConfig image;
  HandlerConfig handler;
  pid_t target_pid = 0;
  std::vector<std::string> ulimits;
  std::string pid1 = "/usr/libexec/berth-pid1";

  Fixture() {
    pod.id = "0123456789abcdef";
    pod.config.set_hostname("web-0");
    image.cmd = {"/bin/server", "--port=80"};
    image.env = {"PATH=/opt/bin:/bin", "LANG=C"};
  }
  Result<ContainerSpec> build(const std::string& config) {
    const auto message = proto<cri::ContainerConfig>(config);
    return build_container_spec({pod, message, image, rootfs_fd.get(), layout, cgroups, handler,
                                 "/kubepods/pod1/berth-c1", target_pid, ulimits, pid1});
  }
};

Words env_of(Fixture& fixture, const std::string& config) {
  auto built = fixture.build(config);
  return built ? built->spec.process.env : Words{refusal(built)};
}

bool owns(const ContainerSpec& built, oci::NamespaceType type) {
  const auto& list = built.spec.linux_.namespaces;
  return std::any_of(list.begin(), list.end(),
                     [&](const oci::Namespace& entry) { return entry.type == type; });
}

/// What differs from machine to machine is left out; the tests of security and devices look at it.
std::string golden_text(const ContainerSpec& built) {
  Json json = oci::to_json(built.spec);
  json["process"].erase("capabilities");
  Json& target = json["linux"];
  if (built.spec.linux_.seccomp) {
    const auto standard =
        oci::to_json(berth::runtime::default_seccomp_profile(built.spec.process.capabilities->bounding));
    target["seccomp"] = target["seccomp"] == standard ? Json("the default profile") : Json("another profile");
  }
  target.erase("devices");
  Json pods = Json::array();
  for (const auto type : built.pod_namespaces) pods.push_back(std::string(oci::namespace_type_name(type)));
  return Json{{"spec", json}, {"of_the_pod", pods}}.dump(2) + "\n";
}

/// Compares with a golden file; BERTH_ACCEPT=1 rewrites it.
void check_golden(const std::string& name, const Result<ContainerSpec>& built) {
  INFO(name);
  INFO(refusal(built));
  REQUIRE(built);
  const std::string text = golden_text(*built);
  const std::string path = std::string(GOLDEN_SPECS) + "/" + name + ".json";
  if (std::getenv("BERTH_ACCEPT") != nullptr) std::ofstream(path) << text;
  std::stringstream expected;
  expected << std::ifstream(path).rdbuf();
  CHECK(text == expected.str());
}

}  // namespace

TEST_CASE("Whole specs: what the kubelet sends for five kinds of containers") {
  Fixture f;
  const std::string kubelet =
      "masked_paths: ['/proc/kcore', '/proc/keys'] readonly_paths: ['/proc/sys'] seccomp { profile_type: "
      "RuntimeDefault } ";
  check_golden("minimal", f.build(""));
  check_golden("non-root", f.build("envs { key: 'A' value: 'b=c' } working_dir: '/srv' linux { resources { "
                                   "memory_limit_in_bytes: 67108864 cpu_shares: 512 "
                                   "cpu_quota: 50000 cpu_period: 100000 oom_score_adj: 985 } "
                                   "security_context { run_as_user { value: 1000 } "
                                   "supplemental_groups: 2000 no_new_privs: true readonly_rootfs: true " +
                                   kubelet + "capabilities { drop_capabilities: 'ALL' } } }"));
  check_golden("tty", f.build("tty: true stdin: true command: '/bin/sh'"));
  f.pod.share_pid = true;
  check_golden("shared-pid", f.build("linux { security_context { " + kubelet + " } }"));
  f.pod.share_pid = false;
  f.pod.host_network = f.pod.host_ipc = true;
  f.pod.config.set_hostname("");
  check_golden(
      "host-namespaces",
      f.build("linux { security_context { namespace_options { network: NODE ipc: NODE pid: NODE } } }"));
  f.pod.config.mutable_linux()->mutable_security_context()->set_privileged(true);
  check_golden("privileged",
               f.build("linux { security_context { privileged: true no_new_privs: true " + kubelet + " } }"));
}

TEST_CASE(
    "The request's variables win over the image's, each name occurs once, in the order of the last word") {
  Fixture f;
  f.image.env = {"A=image", "PATH=/p", "A=again", "=nameless", "novalue", "HOME=", "AB=1"};
  CHECK(env_of(f,
               "envs { key: 'AB' value: '2' } envs { key: 'B' value: 'x=y' } envs { key: 'B' value: 'z' }") ==
        Words{"PATH=/p", "A=again", "HOME=", "AB=2", "B=z", "HOSTNAME=web-0"});
}

TEST_CASE("PATH, HOME, HOSTNAME and, with a terminal, TERM are given to a container that has none") {
  Fixture f;
  f.image.env.clear();
  const std::string path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  CHECK(env_of(f, "") == Words{path, "HOSTNAME=web-0", "HOME=/root"});
  CHECK(env_of(f, "tty: true linux { security_context { run_as_username: 'app' } }") ==
        Words{path, "HOSTNAME=web-0", "TERM=xterm", "HOME=/home/app"});
  CHECK(env_of(f, "tty: true envs { key: 'TERM' value: 'dumb' } envs { key: 'PATH' }") ==
        Words{"TERM=dumb", "PATH=", "HOSTNAME=web-0", "HOME=/root"});
  f.pod.config.set_hostname("");
  f.pod.config.mutable_metadata()->set_name("web_1");
  CHECK(env_of(f, "") == Words{path, "HOSTNAME=web-1", "HOME=/root"});
  f.pod.host_network = true;
  CHECK(env_of(f, "") == Words{path, "HOME=/root"});
}

TEST_CASE("Ten thousand variables are not compared each with each") {
  Fixture f;
  cri::ContainerConfig config;
  for (int i = 0; i < 10'000; ++i) {
    auto* pair = config.add_envs();
    pair->set_key("SERVICE_NUMBER_" + std::to_string(i % 9'999));
    pair->set_value(std::to_string(i));
  }
  const auto built = build_container_spec({f.pod, config, f.image, f.rootfs_fd.get(), f.layout, f.cgroups,
                                           f.handler, "/c", 0, f.ulimits, f.pid1});
  REQUIRE(built);
  CHECK(built->spec.process.env.size() == 9'999 + 4);
  CHECK(std::count(built->spec.process.env.begin(), built->spec.process.env.end(), "SERVICE_NUMBER_0=9999") ==
        1);
}

TEST_CASE(
    "The working directory is the request's, else the image's, else the root; an image's may lack its "
    "slash") {
  Fixture f;
  CHECK(f.build("")->spec.process.cwd == "/");
  f.image.working_dir = "srv/app";
  CHECK(f.build("")->spec.process.cwd == "/srv/app");
  CHECK(f.build("working_dir: '/other'")->spec.process.cwd == "/other");
}

TEST_CASE(
    "PID namespaces: the pod's where the pod shares one, the host's for NODE, otherwise the container's "
    "own") {
  Fixture f;
  auto mode = [&](const char* pid) {
    return *f.build(std::string("linux { security_context { namespace_options { pid: ") + pid + " } } }");
  };
  CHECK(owns(mode("POD"), kPid));
  CHECK_FALSE(mode("POD").pod_namespaces.contains(kPid));  // the pod shares none
  CHECK_FALSE(owns(mode("NODE"), kPid));
  f.pod.share_pid = true;
  CHECK(mode("POD").pod_namespaces.contains(kPid));
  CHECK_FALSE(mode("CONTAINER").pod_namespaces.contains(kPid));
  CHECK(owns(mode("CONTAINER"), kPid));
  CHECK_FALSE(owns(mode("NODE"), kPid));
}

TEST_CASE("The network of the host means its UTS namespace, too; a container always has its own mounts") {
  Fixture f;
  auto built = f.build("");
  REQUIRE(built);
  CHECK(built->pod_namespaces == std::set<oci::NamespaceType>{kNetwork, kUts, kIpc});
  CHECK(owns(*built, kMount));
  CHECK(owns(*built, kCgroup));
  f.pod.host_network = true;
  built = f.build("");
  REQUIRE(built);
  CHECK(built->pod_namespaces == std::set<oci::NamespaceType>{kIpc});
  CHECK_FALSE(owns(*built, kNetwork));
  CHECK_FALSE(owns(*built, kUts));
}

TEST_CASE("A privileged container is refused in a pod that is not") {
  Fixture f;
  const auto built = f.build("linux { security_context { privileged: true } }");
  CHECK(has_code(built, Code::kInvalidArgument));
  CHECK(refusal(built) ==
        "security_context.privileged: a privileged container needs a privileged pod sandbox");
}

TEST_CASE("Masked paths: without a security context our own, with one exactly the list, also an empty one") {
  Fixture f;
  CHECK_FALSE(f.build("")->spec.linux_.masked_paths.empty());
  CHECK_FALSE(f.build("")->spec.linux_.readonly_paths.empty());
  CHECK(f.build("linux { security_context {} }")->spec.linux_.masked_paths.empty());
  const auto built = f.build("linux { security_context { masked_paths: '/a' readonly_paths: '/b' } }");
  CHECK(built->spec.linux_.masked_paths == Words{"/a"});
  CHECK(built->spec.linux_.readonly_paths == Words{"/b"});
}

TEST_CASE("Whatever part of a request cannot be had, the container is refused with that part's words") {
  Fixture f;
  const std::pair<const char*, const char*> rows[] = {
      {"linux { security_context { run_as_username: 'ghost' } }",
       "user \"ghost\" is not in the image's /etc/passwd"},
      {"mounts { container_path: '/a' host_path: '/no/such' }",
       "mounts.host_path \"/no/such\" does not exist"},
      {"devices { host_path: '/no/such' }", "devices.host_path \"/no/such\" does not exist"},
      {"linux { security_context { capabilities { add_capabilities: 'X' } } }",
       "security_context.capabilities.add_capabilities \"X\" is not a capability"},
  };
  for (const auto& [config, sentence] : rows) {
    INFO(config);
    const auto built = f.build(config);
    CHECK(has_code(built, Code::kInvalidArgument));
    CHECK(refusal(built) == sentence);
  }
  f.image.cmd.clear();
  CHECK(has_code(f.build(""), Code::kInvalidArgument));
}
