// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/recovery.hpp"

#include <catch2/catch.hpp>

#include "daemon/ops/pod_lifecycle.hpp"
#include "daemon/state/records.hpp"
#include "fake_node.hpp"
#include "messages.hpp"

using namespace berth;
using namespace berth::daemon;
using namespace berth::daemon::testing;

namespace {

class NoSnapshots final : public image::Snapshotter {
 public:
  Result<UniqueFd> prepare(const std::string&, const image::Image&, int) override { return none(); }
  Result<void> check_id_map(int) const override { return {}; }
  Result<UniqueFd> mount_image(const image::Image&, int, const std::string&) override { return none(); }
  Result<void> remove(const std::string&) override { return {}; }
  std::vector<std::string> keys() const override { return {}; }
  Result<Usage> usage(const std::string&) const override { return none(); }
  std::string upper_dir(const std::string&) const override { return {}; }

 private:
  static Error none() { return Error(Code::kInternal, "no snapshots here"); }
};

/// Remembers whose DEL ran, by the arguments it ran with.
class RecordingNetworks final : public netcni::Networks {
 public:
  Guarded<std::vector<std::string>> detached;
  std::atomic<bool> fails{false};

  Result<void> ready() const override { return {}; }
  std::string network_name() const override { return "podnet"; }
  Result<netcni::Attachment> attach(const netcni::AttachRequest& request, std::stop_token,
                                    const Announce&) override {
    return plan(request, {});
  }
  Result<netcni::Attachment> plan(const netcni::AttachRequest& request,
                                  const std::vector<std::string>& ips) override {
    const std::string known = ips.empty() ? "" : " " + ips.front();
    return netcni::Attachment{
        "", "", "planned " + request.pod_id + " " + request.name + " " + request.netns + known, ips};
  }
  Result<void> detach(const netcni::Attachment& attachment) override {
    detached.lock()->push_back(attachment.args_json);
    if (fails) return Error(Code::kUnavailable, "no DEL today");
    return {};
  }
  Result<void> check(const netcni::Attachment&) override { return {}; }
};

const std::string kArgs =
    R"({"cniArgs":"","containerId":"p1","ifName":"eth0","netns":"/run/n/p1","runtimeConfig":{}})";

/// A disk as a daemon left it, with one pod of this boot, "p1", and its container "c1".
struct DownNode : FakeNode {
  DownNode() {
    with.boot_id = "boot";
    with.config.cgroup_parent = "/berth";
    with.snapshots = std::make_unique<NoSnapshots>();
    auto recording = std::make_unique<RecordingNetworks>();
    networks = recording.get();
    with.networks = std::move(recording);
    with.pods.erase(pod);
    (void)remove_tree(with.layout.pod("pod"));
    tree.write("root/containers/", "");
    record.id = "p1";
    record.boot_id = "boot";
    record.cgroup_parent = "/kube/p1";
    record.config = proto<cri::PodSandboxConfig>("metadata { name: 'web' namespace: 's' uid: 'u' }");
    REQUIRE(store_pod_record(with.layout, record));
    PodSandbox stored(record);
    *stored.status.lock() = {true, "", {"10.0.0.1"}, true, false};
    REQUIRE(store_pod_status(with.layout, stored));
    const netcni::Attachment attachment{
        R"({"cniVersion":"1.0.0","name":"n","plugins":[{"type":"first"}]})", "", kArgs, {"10.0.0.1"}};
    REQUIRE(store_attachment(with.layout, "p1", attachment));
    for (const char* group : {"/kube/p1/berth-p1", "/kube/p1/berth-c1"})
      cgroups->groups.lock()->insert(group);
    tree.write("state/netns/p1", "");
    tree.write("state/pods/p1/c1.exit", "");
  }
  void add_container() {
    ContainerRecord container;
    container.id = "c1";
    container.pod_id = "p1";
    container.boot_id = "boot";
    container.cgroup = "/kube/p1/berth-c1";
    container.config = proto<cri::ContainerConfig>(
        "metadata { name: 'c' } image { image: 'i' } linux { resources { cpu_shares: 7 } }");
    REQUIRE(store_container_record(with.layout, container));
    Container running(container);
    running.status.lock()->state = cri::CONTAINER_RUNNING;
    REQUIRE(store_container_status(with.layout, running));
  }
  void recover_and_settle() {
    REQUIRE(recover(with));
    settle();
  }
  std::vector<std::string> quarantined() const {
    auto names = list_dir(with.layout.quarantine());
    return names ? *names : std::vector<std::string>();
  }

  PodRecord record;
  RecordingNetworks* networks = nullptr;
};

std::string stored_state(const DownNode& disk) {
  const auto status = load_container_status(disk.with.layout, "c1");
  return status ? cri::ContainerState_Name(status->state) + " " + status->reason : refusal(status);
}

/// What a crash, a power cut or a newer version leaves where a record was.
const char* const kUnreadable[] = {"", "{ torn", R"({"schema":2,"id":"p1","cgroup_parent":"/kube/p1"})"};

}  // namespace

TEST_CASE("A pod whose record cannot be read is detached and ended before its record is put aside") {
  for (const char* text : kUnreadable) {
    INFO(text);
    DownNode disk;
    disk.add_container();
    disk.tree.write("root/pods/p1/record.json", text);
    disk.recover_and_settle();
    CHECK(*disk.networks->detached.lock() == std::vector<std::string>{kArgs});
    CHECK(disk.cgroups->groups.lock()->empty());
    CHECK_FALSE(disk.tree.has("state/netns/p1"));
    CHECK_FALSE(disk.tree.has("state/pods/p1"));
    CHECK_FALSE(disk.tree.has("root/pods/p1"));
    CHECK_FALSE(disk.tree.has("root/containers/c1"));
    REQUIRE(disk.quarantined().size() == 1);
    CHECK(disk.quarantined().front().starts_with("p1-"));
    CHECK(disk.with.pods.list().empty());
  }
}

TEST_CASE("While the DEL of a pod without a usable record fails, the record stays for the next attempt") {
  DownNode disk;
  disk.networks->fails = true;
  disk.tree.write("root/pods/p1/record.json", "");
  disk.recover_and_settle();
  CHECK(disk.networks->detached.lock()->size() == 1);
  CHECK(disk.tree.has("root/pods/p1/attachment.json"));
  CHECK(disk.quarantined().empty());
  CHECK_FALSE(disk.tree.has("state/netns/p1"));  // the rest need not wait
}

TEST_CASE("A pod of which neither record nor attachment can be read is detached by its ID") {
  DownNode disk;
  disk.tree.write("root/pods/p1/record.json", "");
  disk.tree.write("root/pods/p1/attachment.json", "{ torn");
  disk.recover_and_settle();
  CHECK(*disk.networks->detached.lock() ==
        std::vector<std::string>{"planned p1  " + disk.with.layout.netns("p1") + " 10.0.0.1"});
  CHECK(disk.quarantined().size() == 1);
}

TEST_CASE("A pod whose attachment cannot be read is detached with what its record says") {
  for (const char* text : {"", "{ torn", R"({"schema":7})"}) {
    INFO(text);
    DownNode disk;
    disk.tree.write("root/pods/p1/attachment.json", text);
    disk.recover_and_settle();
    const auto pod = disk.with.pods.find("p1");
    REQUIRE(pod);
    CHECK(disk.networks->detached.lock()->empty());  // it is still in use
    REQUIRE(detach_network(disk.with, **pod));
    REQUIRE(detach_network(disk.with, **pod));
    CHECK(*disk.networks->detached.lock() ==
          std::vector<std::string>{"planned p1 web " + disk.with.layout.netns("p1") + " 10.0.0.1"});
  }
}

TEST_CASE("An interrupted creation whose attachment cannot be read is detached, too") {
  DownNode disk;
  REQUIRE(remove_tree(disk.with.layout.pod("p1") + "/status.json"));
  disk.tree.write("root/pods/p1/attachment.json", "{ torn");
  disk.recover_and_settle();
  CHECK(disk.networks->detached.lock()->size() == 1);
  CHECK_FALSE(disk.tree.has("root/pods/p1"));
}

TEST_CASE("A container whose record cannot be read ends, and its pod stays") {
  DownNode disk;
  disk.add_container();
  disk.tree.write("root/containers/c1/record.json", "{ torn");
  disk.recover_and_settle();
  CHECK(disk.with.pods.find("p1"));
  CHECK(disk.with.containers.list().empty());
  CHECK(*disk.cgroups->killed.lock() == std::vector<std::string>{"/kube/p1/berth-c1"});
  CHECK(disk.quarantined().size() == 1);
}

TEST_CASE(
    "A pod and a container whose status cannot be read are kept, and end only when no shim knows them") {
  for (const char* text : kUnreadable) {
    INFO(text);
    DownNode disk;
    disk.add_container();
    disk.tree.write("root/pods/p1/status.json", text);
    disk.tree.write("root/containers/c1/status.json", text);
    disk.recover_and_settle();
    const auto pod = disk.with.pods.find("p1");
    REQUIRE(pod);
    CHECK_FALSE((*pod)->status.lock()->ready);
    CHECK((*pod)->status.lock()->ips == std::vector<std::string>{"10.0.0.1"});
    CHECK((*pod)->status.lock()->network_attached);
    const auto stored = load_pod_status(disk.with.layout, "p1");
    INFO(refusal(stored));
    REQUIRE(stored);
    CHECK(stored->reason == "the pod's shim was gone when the daemon started");
    const auto container = disk.with.containers.find("c1");
    REQUIRE(container);
    CHECK((*container)->snapshot().reason == "MonitorLost");
    CHECK((*container)->snapshot().resources.cpu_shares() == 7);
    CHECK(stored_state(disk) == "CONTAINER_EXITED MonitorLost");
    CHECK(disk.networks->detached.lock()->empty());
  }
}

TEST_CASE("A pod of an earlier boot whose status cannot be read has its addresses freed") {
  DownNode disk;
  disk.with.boot_id = "later boot";
  disk.tree.write("root/pods/p1/status.json", "");
  disk.recover_and_settle();
  const auto stored = load_pod_status(disk.with.layout, "p1");
  REQUIRE(stored);
  CHECK_FALSE(stored->ready);
  CHECK(*disk.networks->detached.lock() == std::vector<std::string>{kArgs});
}

TEST_CASE("A pod or container without any status was never finished, and goes") {
  DownNode disk;
  disk.add_container();
  REQUIRE(remove_tree(disk.with.layout.container("c1") + "/status.json"));
  disk.recover_and_settle();
  CHECK(disk.with.pods.find("p1"));
  CHECK(disk.with.containers.list().empty());
  CHECK_FALSE(disk.tree.has("root/containers/c1"));
}
