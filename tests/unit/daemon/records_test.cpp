// SPDX-License-Identifier: Apache-2.0
#include "daemon/state/records.hpp"

#include <google/protobuf/util/message_differencer.h>
#include <catch2/catch.hpp>

#include "base/cat.hpp"
#include "messages.hpp"
#include "runtime/oci/spec_json.hpp"
#include "tree.hpp"

using namespace berth;
using namespace berth::daemon;
using namespace berth::daemon::testing;
using berth::testing::Tree;
using google::protobuf::util::MessageDifferencer;

namespace {

struct Disk {
  Tree tree{{"pods/p1/", ""}, {"containers/c1/", ""}};
  Layout layout{tree.root(), tree.root() + "/run"};
};

PodRecord pod_record() {
  PodRecord record;
  record.id = "p1";
  record.config = proto<cri::PodSandboxConfig>(
      "metadata { name: 'n' namespace: 's' uid: 'u' attempt: 4294967295 } hostname: 'h' "
      "labels { key: 'a.b/c' value: '\"quoted\" \\\\ \\n \\t \\001 \\342\\202\\254 \\360\\237\\232\\242' } "
      "labels { key: '' value: '' } "
      "labels { key: 'schema' value: '99' } annotations { key: 'k\\000l' value: '\\000' } "
      "port_mappings { protocol: UDP container_port: 53 } dns_config {} linux { security_context { "
      "run_as_user {} } }");
  record.runtime_handler = "init";
  record.created_ns = INT64_MAX;
  record.boot_id = "b";
  record.cgroup_parent = "/kubepods/x";
  record.owns_cgroup_parent = record.host_network = record.host_ipc = record.share_pid = true;
  return record;
}

ContainerRecord container_record() {
  ContainerRecord record;
  record.id = "c1";
  record.pod_id = "p1";
  record.config = proto<cri::ContainerConfig>(
      "metadata { name: 'c' } image { image: 'i' } command: '' command: 'sh' envs { key: 'K' value: '' } "
      "linux { resources { oom_score_adj: -1000 cpu_quota: -1 unified { key: 'memory.high' value: 'max' } "
      "hugepage_limits { page_size: '2MB' limit: 18446744073709551615 } } security_context {} } stop_signal: "
      "SIGNAL_SIGRTMIN");
  record.created_ns = 1;
  record.boot_id = "b";
  record.cgroup = "/kubepods/x/berth-c1";
  record.image_id = "sha256:1";
  record.image_ref = "r@sha256:2";
  record.image_name = "r:t";
  record.log_path = "/var/log/pods/\xc3\xa9/0.log";
  record.stop_signal = 34;
  record.user = proto<cri::ContainerUser>("linux { uid: 0 gid: 5 supplemental_groups: [5, 6] }");
  record.plan_labels = {"mount /proc", ""};
  record.spec.process.args = {"sh", "", "-c"};
  record.spec.process.env = {"A=1"};
  record.spec.process.create_cwd = false;
  record.spec.root.path = "rootfs";
  record.spec.linux_.namespaces = {{oci::NamespaceType::kMount, ""}};
  return record;
}

/// Files that a crash, a power cut, another program or another version may leave.
const std::vector<std::string>& foreign_files() {
  static const std::vector<std::string> files = {
      "",
      " ",
      "{",
      "{\"schema\":1",
      "null",
      "[]",
      "1",
      "\"schema\"",
      "{}",
      std::string(64, '\0'),
      "\xff\xfe",
      R"({"schema":2,"id":"c1"})",
      R"({"schema":0,"id":"c1"})",
      R"({"schema":"1","id":"c1"})",
      R"({"schema":null})",
      R"({"schema":[1]})",
      R"({"schema":1.5})",
      R"({"schema":18446744073709551615})",
      R"({"schema":1,"schema":1,"id":"c1"})",
      std::string(100'000, '['),
      R"({"schema":1,"id":"other"})",
      R"({"schema":1})",
      R"({"schema":1,"id":7})",
      R"({"schema":1,"id":"c1","config":{"metadata":"x"}})",
      R"({"schema":1,"id":"c1","config":{"linux":{"resources":{"cpu_quota":{}}}}})",
      R"({"schema":1,"id":"c1","spec":{"process":{"args":"sh"}}})",
      R"({"schema":1,"id":"c1","spec":{"process":{"args":[1]}}})",
      R"({"schema":1,"id":"c1","user":{"linux":[]}})"};
  return files;
}

}  // namespace

TEST_CASE("A pod's record comes back equal, with labels that no sane person would write") {
  const Disk disk;
  const PodRecord record = pod_record();
  REQUIRE(store_pod_record(disk.layout, record));
  const auto loaded = load_pod_record(disk.layout, "p1");
  INFO(refusal(loaded));
  REQUIRE(loaded);
  CHECK(MessageDifferencer::Equals(loaded->config,
                                   record.config));  // a repeated RunPodSandbox compares just so
  CHECK(loaded->runtime_handler == record.runtime_handler);
  CHECK(loaded->created_ns == INT64_MAX);
  CHECK(loaded->boot_id == "b");
  CHECK(loaded->cgroup_parent == "/kubepods/x");
  CHECK(loaded->owns_cgroup_parent);
  CHECK(loaded->host_network);
  CHECK(loaded->host_ipc);
  CHECK(loaded->share_pid);
}

TEST_CASE("A container's record comes back equal, with its spec") {
  const Disk disk;
  const ContainerRecord record = container_record();
  REQUIRE(store_container_record(disk.layout, record));
  const auto loaded = load_container_record(disk.layout, "c1");
  INFO(refusal(loaded));
  REQUIRE(loaded);
  CHECK(MessageDifferencer::Equals(loaded->config, record.config));
  CHECK(MessageDifferencer::Equals(loaded->user, record.user));
  CHECK(oci::to_json(loaded->spec) == oci::to_json(record.spec));
  CHECK_FALSE(loaded->spec.process.create_cwd);
  CHECK(loaded->pod_id == record.pod_id);
  CHECK(loaded->cgroup == record.cgroup);
  CHECK(loaded->image_id == record.image_id);
  CHECK(loaded->image_ref == record.image_ref);
  CHECK(loaded->image_name == record.image_name);
  CHECK(loaded->log_path == record.log_path);
  CHECK(loaded->stop_signal == 34);
  CHECK(loaded->plan_labels == record.plan_labels);
}

TEST_CASE(
    "The record of a container that was never compiled can be read: recovery must find what to take away") {
  const Disk disk;
  ContainerRecord record = container_record();
  record.spec = {};
  record.plan_labels.clear();
  REQUIRE(store_container_record(disk.layout, record));
  const auto loaded = load_container_record(disk.layout, "c1");
  INFO(refusal(loaded));
  REQUIRE(loaded);
  CHECK(loaded->spec.process.args.empty());
  CHECK(loaded->cgroup == record.cgroup);
}

TEST_CASE("Bytes that are not UTF-8 do not make a record unreadable") {
  const Disk disk;
  ContainerRecord record = container_record();
  record.spec.process.env = {"GOOD=1", "BAD=\xff\xfe"};
  REQUIRE(store_container_record(disk.layout, record));
  const auto loaded = load_container_record(disk.layout, "c1");
  INFO(refusal(loaded));
  REQUIRE(loaded);
  REQUIRE(loaded->spec.process.env.size() == 2);
  CHECK(loaded->spec.process.env[0] == "GOOD=1");
  CHECK(loaded->spec.process.env[1].starts_with("BAD="));
}

TEST_CASE("A container's status comes back equal, with limits as they were applied") {
  const Disk disk;
  Container container(container_record());
  {
    auto status = container.status.lock();
    status->state = cri::CONTAINER_EXITED;
    status->started_ns = 1;
    status->finished_ns = INT64_MAX;
    status->exit_code = 137;
    status->reason = "OOMKilled";
    status->message = "killed by signal 9 \xff";
    status->process = {4711, UINT64_MAX};
    status->resources = container.record().config.linux().resources();
    status->starting = true;
  }
  REQUIRE(store_container_status(disk.layout, container));
  const auto loaded = load_container_status(disk.layout, "c1");
  INFO(refusal(loaded));
  REQUIRE(loaded);
  CHECK(loaded->state == cri::CONTAINER_EXITED);
  CHECK(loaded->started_ns == 1);
  CHECK(loaded->finished_ns == INT64_MAX);
  CHECK(loaded->exit_code == 137);
  CHECK(loaded->reason == "OOMKilled");
  CHECK(loaded->message == "killed by signal 9 \xef\xbf\xbd");
  CHECK(loaded->process == ProcessId{4711, UINT64_MAX});
  CHECK(MessageDifferencer::Equals(loaded->resources, container.record().config.linux().resources()));
  CHECK_FALSE(loaded->starting);
}

TEST_CASE("A pod's status and its attachment come back equal") {
  const Disk disk;
  PodSandbox pod(pod_record());
  *pod.status.lock() = {true, "because", {"10.0.0.1", "fd00::1"}, true, true};
  REQUIRE(store_pod_status(disk.layout, pod));
  const auto loaded = load_pod_status(disk.layout, "p1");
  REQUIRE(loaded);
  CHECK(loaded->ready);
  CHECK(loaded->reason == "because");
  CHECK(loaded->ips == std::vector<std::string>{"10.0.0.1", "fd00::1"});
  CHECK(loaded->network_attached);
  CHECK(loaded->torn_down);
}

TEST_CASE(
    "What was never written is not found; that is how recovery tells an unfinished creation from a torn "
    "file") {
  const Disk disk;
  CHECK(has_code(load_pod_record(disk.layout, "p1"), Code::kNotFound));
  CHECK(has_code(load_pod_status(disk.layout, "p1"), Code::kNotFound));
  CHECK(has_code(load_attachment(disk.layout, "p1"), Code::kNotFound));
  CHECK(has_code(load_container_record(disk.layout, "c1"), Code::kNotFound));
  CHECK(has_code(load_container_status(disk.layout, "c1"), Code::kNotFound));
}

TEST_CASE("Torn, foreign and future files are errors that name the file, and none of them is 'not found'") {
  const Disk disk;
  for (const auto& text : foreign_files()) {
    INFO(text.substr(0, 80));
    disk.tree.write("containers/c1/record.json", text);
    disk.tree.write("pods/p1/record.json", text);
    const auto container = load_container_record(disk.layout, "c1");
    CHECK_FALSE(container);
    CHECK_FALSE(has_code(container, Code::kNotFound));
    const auto pod = load_pod_record(disk.layout, "p1");
    CHECK_FALSE(pod);
    CHECK(refusal(pod).find("pods/p1/record.json") != std::string::npos);
  }
}

TEST_CASE(
    "A status of which a value has another type is read without that value, and a state that we lack is "
    "unknown") {
  const Disk disk;
  disk.tree.write("containers/c1/status.json",
                  R"({"schema":1,"state":99,"exit_code":"x","reason":[],"pid":{},"started_ns":null})");
  auto loaded = load_container_status(disk.layout, "c1");
  REQUIRE(loaded);
  CHECK(loaded->state == cri::CONTAINER_UNKNOWN);
  CHECK(loaded->reason.empty());
  disk.tree.write("pods/p1/status.json", R"({"schema":1,"ready":"yes","ips":["10.0.0.1",7],"torn_down":1})");
  const auto pod = load_pod_status(disk.layout, "p1");
  REQUIRE(pod);
  CHECK_FALSE(pod->ready);
  CHECK(pod->ips == std::vector<std::string>{"10.0.0.1"});
  CHECK_FALSE(pod->torn_down);
  for (const auto& text : foreign_files()) {
    disk.tree.write("containers/c1/status.json", text);
    disk.tree.write("pods/p1/status.json", text);
    disk.tree.write("pods/p1/attachment.json", text);
    (void)load_container_status(disk.layout, "c1");
    (void)load_pod_status(disk.layout, "p1");
    CHECK_FALSE(load_attachment(disk.layout, "p1"));
  }
}

TEST_CASE("A record of a later version of the same schema is read, without what we do not know") {
  const Disk disk;
  disk.tree.write(
      "containers/c1/record.json",
      R"({"schema":1,"id":"c1","pod_id":"p1","novelty":{"a":1},"config":{"metadata":{"name":"c"},"new_field":[1,2]}})");
  const auto loaded = load_container_record(disk.layout, "c1");
  INFO(refusal(loaded));
  REQUIRE(loaded);
  CHECK(loaded->config.metadata().name() == "c");
  CHECK(loaded->stop_signal == 15);
}

TEST_CASE("What a newer kubelet says stays in a record, so that the same request again compares equal") {
  const Disk disk;
  PodRecord pod = pod_record();
  pod.config.GetReflection()->MutableUnknownFields(&pod.config)->AddLengthDelimited(4000, "new \xff");
  auto* security = pod.config.mutable_linux()->mutable_security_context();
  security->GetReflection()->MutableUnknownFields(security)->AddVarint(4001, 0);
  REQUIRE(store_pod_record(disk.layout, pod));
  const auto loaded_pod = load_pod_record(disk.layout, "p1");
  INFO(refusal(loaded_pod));
  REQUIRE(loaded_pod);
  CHECK(MessageDifferencer::Equals(loaded_pod->config, pod.config));
  CHECK(disk.tree.read("pods/p1/record.json").find(R"("hostname":"h")") != std::string::npos);  // readable

  ContainerRecord container = container_record();
  auto* mount = container.config.add_mounts();
  mount->GetReflection()->MutableUnknownFields(mount)->AddFixed32(4002, 7);
  REQUIRE(store_container_record(disk.layout, container));
  const auto loaded = load_container_record(disk.layout, "c1");
  INFO(refusal(loaded));
  REQUIRE(loaded);
  CHECK(MessageDifferencer::Equals(loaded->config, container.config));
}

TEST_CASE("A record without news has no second form, and a damaged one falls back to what can be read") {
  const Disk disk;
  REQUIRE(store_pod_record(disk.layout, pod_record()));
  CHECK(disk.tree.read("pods/p1/record.json").find("config_wire") == std::string::npos);
  for (const char* wire : {"7", "\"\"", "\"0\"", "\"zz\"", "\"0A05\""}) {
    INFO(wire);
    disk.tree.write("pods/p1/record.json",
                    cat(R"({"schema":1,"id":"p1","config":{"hostname":"h"},"config_wire":)", wire, "}"));
    const auto loaded = load_pod_record(disk.layout, "p1");
    REQUIRE(loaded);
    CHECK(loaded->config.hostname() == "h");
  }
}

TEST_CASE("Late news of an object do not bring its directory back") {
  const Disk disk;
  const Container container(container_record());
  const PodSandbox pod(pod_record());
  REQUIRE(remove_tree(disk.layout.container("c1")));
  REQUIRE(remove_tree(disk.layout.pod("p1")));
  CHECK(has_code(store_container_status(disk.layout, container), Code::kNotFound));
  CHECK(has_code(store_pod_status(disk.layout, pod), Code::kNotFound));
  CHECK_FALSE(disk.tree.has("containers/c1"));
  CHECK_FALSE(disk.tree.has("pods/p1"));
}

TEST_CASE("A record is replaced as a whole, and leaves no temporary file behind") {
  const Disk disk;
  Container container(container_record());
  REQUIRE(store_container_status(disk.layout, container));
  container.mark_lost("MonitorLost", 5);
  REQUIRE(store_container_status(disk.layout, container));
  const auto names = list_dir(disk.layout.container("c1"));
  REQUIRE(names);
  CHECK(*names == std::vector<std::string>{"status.json"});
  CHECK(load_container_status(disk.layout, "c1")->reason == "MonitorLost");
}
