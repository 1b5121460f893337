// SPDX-License-Identifier: Apache-2.0
#include "daemon/spec/validate.hpp"

#include <catch2/catch.hpp>

#include "messages.hpp"

using namespace berth;
using namespace berth::daemon;
using namespace berth::daemon::testing;

namespace {

constexpr const char* kPod = "metadata { name: 'p' namespace: 'n' uid: 'u' } ";
constexpr const char* kContainer = "metadata { name: 'c' } image { image: 'i' } ";

struct Row {
  std::string addition;  ///< to a request that would pass; text format, a later scalar wins
  Code code;
  std::string sentence;
};
constexpr Code kInvalid = Code::kInvalidArgument;

void check_refused(const Result<void>& result, const Row& row) {
  INFO(row.addition);
  CHECK(has_code(result, row.code));
  CHECK(refusal(result) == row.sentence);
}

/// Text format refuses a scalar that is given twice, so that a row is merged over the base.
template <class Message>
Message with(const char* base, const std::string& addition) {
  auto message = proto<Message>(base);
  message.MergeFrom(proto<Message>(addition));
  return message;
}

}  // namespace

TEST_CASE("A pod without metadata, or with a name that would break what it is written into, is refused") {
  CHECK(refusal(validate_pod({})) == "config.metadata is missing");
  CHECK(refusal(validate_pod(proto<cri::PodSandboxConfig>("metadata {}"))) ==
        "config.metadata.name is empty");
  CHECK(refusal(validate_pod(proto<cri::PodSandboxConfig>("metadata { name: 'a' }"))) ==
        "config.metadata.namespace is empty");
  const std::string bad = "contains a slash or a control character";
  const Row rows[] = {
      {"metadata { name: 'a/../b' }", kInvalid, "config.metadata.name \"a/../b\" " + bad},
      {"metadata { name: 'a\\nb' }", kInvalid, "config.metadata.name \"a\nb\" " + bad},
      {"metadata { namespace: 'a/b' }", kInvalid, "config.metadata.namespace \"a/b\" " + bad},
      {"metadata { uid: '../u' }", kInvalid, "config.metadata.uid \"../u\" " + bad},
      {"metadata { name: '" + std::string(254, 'a') + "' }", kInvalid,
       "config.metadata.name is longer than 253 bytes"},
  };
  for (const auto& row : rows)
    check_refused(validate_pod(with<cri::PodSandboxConfig>(kPod, row.addition)), row);
  CHECK(
      validate_pod(with<cri::PodSandboxConfig>(kPod, "metadata { name: '" + std::string(253, 'a') + "' }")));
}

TEST_CASE("Each field of a pod that no pod can have is refused with its name and its value") {
  const std::string context = "config.linux.security_context.";
  const Row rows[] = {
      {"hostname: 'a b'", kInvalid, "config.hostname \"a b\" is not a host name of at most 64 bytes"},
      {"hostname: 'a\\n1.2.3.4 evil'", kInvalid,
       "config.hostname \"a\n1.2.3.4 evil\" is not a host name of at most 64 bytes"},
      {"hostname: '" + std::string(65, 'h') + "'", kInvalid,
       "config.hostname \"" + std::string(65, 'h') + "\" is not a host name of at most 64 bytes"},
      {"log_directory: 'var/log'", kInvalid, "config.log_directory \"var/log\" is not an absolute path"},
      {"log_directory: '/var/../etc'", kInvalid, "config.log_directory \"/var/../etc\" contains \"..\""},
      {"log_directory: '/" + std::string(4095, 'l') + "'", kInvalid,
       "config.log_directory is longer than 4095 bytes"},
      {"port_mappings { container_port: 65536 }", kInvalid,
       "port_mappings.container_port \"65536\" is not in 1-65535"},
      {"port_mappings { container_port: 0 }", kInvalid,
       "port_mappings.container_port \"0\" is not in 1-65535"},
      {"port_mappings { container_port: -80 }", kInvalid,
       "port_mappings.container_port \"-80\" is not in 1-65535"},
      {"port_mappings { container_port: 80 host_port: 70000 }", kInvalid,
       "port_mappings.host_port \"70000\" is not in 0-65535"},
      {"port_mappings { container_port: 80 host_port: -1 }", kInvalid,
       "port_mappings.host_port \"-1\" is not in 0-65535"},
      {"port_mappings { container_port: 80 host_ip: '::1\\n' }", kInvalid,
       "port_mappings.host_ip \"::1\n\" is not an address"},
      {"dns_config { servers: '1.1.1.1\\noptions debug' }", kInvalid,
       "config.dns_config \"1.1.1.1\noptions debug\" contains a control character"},
      {"dns_config { searches: 'a\\r' }", kInvalid, "config.dns_config \"a\r\" contains a control character"},
      {"dns_config { options: 'o\\t' }", kInvalid, "config.dns_config \"o\t\" contains a control character"},
      {"linux { cgroup_parent: 'kubepods' }", kInvalid,
       "config.linux.cgroup_parent \"kubepods\" is not an absolute path"},
      {"linux { cgroup_parent: '/kubepods/../../x' }", kInvalid,
       "config.linux.cgroup_parent \"/kubepods/../../x\" contains \"..\""},
      {"linux { security_context { namespace_options { pid: TARGET } } }", kInvalid,
       context + "namespace_options.pid must be POD, CONTAINER or NODE"},
      {"linux { security_context { namespace_options { network: CONTAINER } } }", kInvalid,
       context + "namespace_options.network must be POD or NODE"},
      {"linux { security_context { namespace_options { ipc: TARGET } } }", kInvalid,
       context + "namespace_options.ipc must be POD or NODE"},
      {"linux { security_context { namespace_options { userns_options { mode: POD } } } }", kInvalid,
       context +
           "namespace_options.userns_options: exactly one range of users and one of groups is supported"},
      {"linux { security_context { run_as_group { value: 1 } } }", kInvalid,
       context + "run_as_group is given without a user"},
      {"linux { security_context { run_as_user { value: -1 } } }", kInvalid,
       context + "run_as_user \"-1\" is not in 0-2147483647"},
      {"linux { security_context { supplemental_groups: 2147483648 } }", kInvalid,
       context + "supplemental_groups \"2147483648\" is not in 0-2147483647"},
  };
  REQUIRE(validate_pod(proto<cri::PodSandboxConfig>(kPod)));
  for (const auto& row : rows)
    check_refused(validate_pod(with<cri::PodSandboxConfig>(kPod, row.addition)), row);
}

TEST_CASE("Enum numbers that the API does not define are refused, not used as an index") {
  auto pod = proto<cri::PodSandboxConfig>(kPod);
  auto* port = pod.add_port_mappings();
  port->set_container_port(80);
  port->set_protocol(static_cast<cri::Protocol>(17));
  CHECK(refusal(validate_pod(pod)) == "port_mappings.protocol \"17\" is unknown");
  port->set_protocol(static_cast<cri::Protocol>(-1));
  CHECK(refusal(validate_pod(pod)) == "port_mappings.protocol \"-1\" is unknown");
  port->set_protocol(cri::SCTP);
  CHECK(validate_pod(pod));
  pod.mutable_linux()->mutable_security_context()->mutable_namespace_options()->set_pid(
      static_cast<cri::NamespaceMode>(9));
  CHECK(has_code(validate_pod(pod), kInvalid));

  auto container = proto<cri::ContainerConfig>(kContainer);
  container.set_stop_signal(static_cast<cri::Signal>(250));
  CHECK(refusal(validate_container(container)) == "config.stop_signal \"250\" is unknown");
  container.set_stop_signal(cri::SIGNAL_SIGINT);
  CHECK(validate_container(container));
  auto* mount = container.add_mounts();
  mount->set_container_path("/a");
  mount->set_host_path("/");
  mount->set_propagation(static_cast<cri::MountPropagation>(5));
  CHECK(refusal(validate_container(container)) == "mounts.propagation \"5\" is unknown");
  mount->set_propagation(cri::PROPAGATION_PRIVATE);
  auto* context = container.mutable_linux()->mutable_security_context();
  context->set_supplemental_groups_policy(static_cast<cri::SupplementalGroupsPolicy>(2));
  CHECK(has_code(validate_container(container), kInvalid));
  context->set_supplemental_groups_policy(cri::Strict);
  context->mutable_namespace_options()->set_pid(static_cast<cri::NamespaceMode>(9));
  CHECK(has_code(validate_container(container), kInvalid));
}

TEST_CASE("A container's mounts stay inside, and lead to a place below the root") {
  auto mount = [](const std::string& fields) { return "mounts { " + fields + " }"; };
  const Row rows[] = {
      {mount("host_path: '/h'"), kInvalid, "mounts.container_path is empty"},
      {mount("container_path: 'data' host_path: '/h'"), kInvalid,
       "mounts.container_path \"data\" is not an absolute path"},
      {mount("container_path: '/a/../../b' host_path: '/h'"), kInvalid,
       "mounts.container_path \"/a/../../b\" contains \"..\""},
      {mount("container_path: '/a/..' host_path: '/h'"), kInvalid,
       "mounts.container_path \"/a/..\" contains \"..\""},
      {mount("container_path: '/' host_path: '/h'"), kInvalid,
       "mounts.container_path \"/\" is the root itself"},
      {mount("container_path: '//' host_path: '/h'"), kInvalid,
       "mounts.container_path \"//\" is the root itself"},
      {mount("container_path: '/./' host_path: '/h'"), kInvalid,
       "mounts.container_path \"/./\" is the root itself"},
      {mount("container_path: '/a'"), kInvalid, "mounts.host_path is empty"},
      {mount("container_path: '/a' host_path: 'h'"), kInvalid,
       "mounts.host_path \"h\" is not an absolute path"},
      {mount("container_path: '/a' host_path: '/h/../x'"), kInvalid,
       "mounts.host_path \"/h/../x\" contains \"..\""},
      {mount("container_path: '/a' host_path: '/h' recursive_read_only: true"), kInvalid,
       "mounts.container_path \"/a\" asks for recursive_read_only without readonly"},
      {mount("container_path: '/a' host_path: '/h' readonly: true recursive_read_only: true propagation: "
             "PROPAGATION_BIDIRECTIONAL"),
       kInvalid,
       "mounts.container_path \"/a\" asks for recursive_read_only with a propagation other than private"},
      {mount("container_path: '/a' image { image: 'i' }"), kInvalid,
       "mounts.container_path \"/a\" has an image, which is not readonly"},
      {mount("container_path: '/a' readonly: true image { }"), kInvalid,
       "mounts.container_path \"/a\" has an image without a name"},
      {mount("container_path: '/a' readonly: true host_path: '/h' image { image: 'i' }"), kInvalid,
       "mounts.container_path \"/a\" has an image and a host_path"},
      {mount(
           "container_path: '/a' readonly: true propagation: PROPAGATION_BIDIRECTIONAL image { image: 'i' }"),
       kInvalid, "mounts.container_path \"/a\" has an image, whose propagation is not private"},
      {mount("container_path: '/a' readonly: true image_sub_path: 'b/../..' image { image: 'i' }"), kInvalid,
       "mounts.image_sub_path \"b/../..\" is not a path below the image's root"},
      {mount("container_path: '/a' host_path: '/h' uidMappings { length: 1 }"), kInvalid,
       "mounts.container_path \"/a\" has mappings of users without groups, or of groups without users"},
  };
  for (const auto& row : rows)
    check_refused(validate_container(with<cri::ContainerConfig>(kContainer, row.addition)), row);
  const std::string dots =
      mount("container_path: '/..a/b..' host_path: '/...' readonly: true recursive_read_only: true");
  CHECK(validate_container(with<cri::ContainerConfig>(kContainer, dots)));  // names may begin with dots
}

TEST_CASE("Each other field of a container that none can have is refused with its name and its value") {
  const std::string context = "config.linux.security_context.";
  auto security = [](const std::string& fields) { return "linux { security_context { " + fields + " } }"; };
  const Row rows[] = {
      {"working_dir: 'srv'", kInvalid, "config.working_dir \"srv\" is not an absolute path"},
      {"working_dir: '/a/..'", kInvalid, "config.working_dir \"/a/..\" contains \"..\""},
      {"log_path: '/0.log'", kInvalid,
       "config.log_path \"/0.log\" is not the path of a file below the pod's log_directory"},
      {"log_path: '../0.log'", kInvalid,
       "config.log_path \"../0.log\" is not the path of a file below the pod's log_directory"},
      {"log_path: 'c/../../0.log'", kInvalid,
       "config.log_path \"c/../../0.log\" is not the path of a file below the pod's log_directory"},
      {"log_path: 'c/'", kInvalid,
       "config.log_path \"c/\" is not the path of a file below the pod's log_directory"},
      {"log_path: 'c/.'", kInvalid,
       "config.log_path \"c/.\" is not the path of a file below the pod's log_directory"},
      {"devices { host_path: 'null' }", kInvalid,
       "config.devices.host_path \"null\" is not an absolute path"},
      {"devices { host_path: '/dev/null' container_path: 'null' }", kInvalid,
       "config.devices.container_path \"null\" is not an absolute path"},
      {"devices { host_path: '/dev/null' permissions: 'rwx' }", kInvalid,
       "config.devices.permissions \"rwx\" is not a subset of \"rwm\""},
      {"envs { value: 'v' }", kInvalid, "config.envs.key \"\" is empty or contains \"=\""},
      {"envs { key: 'A=B' }", kInvalid, "config.envs.key \"A=B\" is empty or contains \"=\""},
      {"CDI_devices { name: 'v/c=d' }", Code::kUnimplemented, "config.CDI_devices are not supported yet"},
      {security("run_as_user { value: -1 }"), kInvalid,
       context + "run_as_user \"-1\" is not in 0-2147483647"},
      {security("run_as_user { value: 2147483648 }"), kInvalid,
       context + "run_as_user \"2147483648\" is not in 0-2147483647"},
      {security("run_as_user { value: 4294967296 }"), kInvalid,
       context + "run_as_user \"4294967296\" is not in 0-2147483647"},
      {security("run_as_user {} run_as_group { value: -2 }"), kInvalid,
       context + "run_as_group \"-2\" is not in 0-2147483647"},
      {security("run_as_group { value: 1 }"), kInvalid, context + "run_as_group is given without a user"},
      {security("supplemental_groups: [1, -1]"), kInvalid,
       context + "supplemental_groups \"-1\" is not in 0-2147483647"},
      {security("namespace_options { pid: TARGET }"), kInvalid,
       context + "namespace_options.target_id is empty with pid TARGET"},
  };
  REQUIRE(validate_container(proto<cri::ContainerConfig>(kContainer)));
  for (const auto& row : rows)
    check_refused(validate_container(with<cri::ContainerConfig>(kContainer, row.addition)), row);
  CHECK(refusal(validate_container({})) == "config.metadata is missing");
  CHECK(refusal(validate_container(proto<cri::ContainerConfig>("metadata { name: 'c' }"))) ==
        "config.image.image is empty");
  CHECK(validate_container(
      with<cri::ContainerConfig>(kContainer, security("run_as_username: 'a' run_as_group { value: 1 }"))));
}

TEST_CASE("A NUL byte, behind which a C string would end, is refused in every field that becomes one") {
  for (const char* field :
       {"command: 'a\\0b'", "args: 'a\\0b'", "envs { key: 'K\\0' }", "envs { key: 'K' value: 'v\\0w' }",
        "working_dir: '/a\\0'", "log_path: 'l\\0.log'", "mounts { container_path: '/a\\0' host_path: '/h' }",
        "mounts { container_path: '/a' host_path: '/h\\0' }", "metadata { name: 'a\\0' }",
        "devices { host_path: '/dev/null\\0' }"}) {
    INFO(field);
    CHECK(has_code(validate_container(with<cri::ContainerConfig>(kContainer, field)), kInvalid));
  }
}

TEST_CASE("Limits that no kernel takes are refused before one is asked") {
  const Row rows[] = {
      {"cpu_period: -1", kInvalid, "resources.cpu_period \"-1\" is negative"},
      {"cpu_quota: -2", kInvalid, "resources.cpu_quota \"-2\" is negative"},
      {"cpu_shares: -1", kInvalid, "resources.cpu_shares \"-1\" is negative"},
      {"memory_limit_in_bytes: -2", kInvalid, "resources.memory_limit_in_bytes \"-2\" is negative"},
      {"memory_swap_limit_in_bytes: -2", kInvalid, "resources.memory_swap_limit_in_bytes \"-2\" is negative"},
      {"oom_score_adj: 1001", kInvalid, "resources.oom_score_adj \"1001\" is not in -1000..1000"},
      {"oom_score_adj: -9223372036854775808", kInvalid,
       "resources.oom_score_adj \"-9223372036854775808\" is not in -1000..1000"},
      {"unified { key: '../memory.max' value: '1' }", kInvalid,
       "resources.unified \"../memory.max\" is not the name of a cgroup file"},
      {"unified { key: 'tasks' value: '1' }", kInvalid,
       "resources.unified \"tasks\" is not the name of a cgroup file"},
      {"unified { key: 'memory.\\n' value: '1' }", kInvalid,
       "resources.unified \"memory.\n\" is not the name of a cgroup file"},
  };
  for (const auto& row : rows)
    check_refused(validate_resources(proto<cri::LinuxContainerResources>(row.addition)), row);
  CHECK(validate_resources(proto<cri::LinuxContainerResources>(
      "cpu_quota: -1 memory_limit_in_bytes: -1 memory_swap_limit_in_bytes: -1 oom_score_adj: -1000 unified { "
      "key: 'memory.high' value: 'max' }")));
  CHECK_FALSE(
      validate_container(with<cri::ContainerConfig>(kContainer, "linux { resources { cpu_period: -1 } }")));
}
