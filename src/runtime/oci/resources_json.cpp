// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/spec_json.hpp"
#include "runtime/oci/spec_parse.hpp"

namespace berth::oci {
namespace {

constexpr std::size_t kMaxResources = 1U << 20;

void read_device_rule(ObjectReader& from, DeviceRule& out) {
  from.read("allow", out.allow);
  std::string type;
  from.read("type", type);
  if (type.size() == 1) {
    out.type = type.front();
  } else if (from.has("type")) {
    from.fail("type", "is not one letter");
  }
  from.read("major", out.major);
  from.read("minor", out.minor);
  from.read("access", out.access);
}

void read_memory(ObjectReader& from, Resources& out) {
  from.read("limit", out.memory_limit);
  from.read("swap", out.memory_swap);
  from.read("reservation", out.memory_reservation);
  from.read("kernel", out.memory_kernel);
  from.read("kernelTCP", out.memory_kernel_tcp);
  from.read("swappiness", out.memory_swappiness);
  from.read("disableOOMKiller", out.memory_disable_oom_killer);
  from.read("useHierarchy", out.memory_use_hierarchy);
  from.read("checkBeforeUpdate", out.memory_check_before_update);
}

void read_cpu(ObjectReader& from, Resources& out) {
  from.read("shares", out.cpu_shares);
  from.read("quota", out.cpu_quota);
  from.read("period", out.cpu_period);
  from.read("burst", out.cpu_burst);
  from.read("realtimeRuntime", out.cpu_rt_runtime);
  from.read("realtimePeriod", out.cpu_rt_period);
  from.read("idle", out.cpu_idle);
  from.read("cpus", out.cpuset_cpus);
  from.read("mems", out.cpuset_mems);
}

void read_throttles(ObjectReader& from, std::string_view key, std::vector<ThrottleDevice>& out) {
  from.each(key, [&](ObjectReader& device) {
    ThrottleDevice& entry = out.emplace_back();
    device.read("major", entry.major);
    device.read("minor", entry.minor);
    device.read("rate", entry.rate);
  });
}

void read_block_io(ObjectReader& from, BlockIo& out) {
  from.read("weight", out.weight);
  from.read("leafWeight", out.leaf_weight);
  from.each("weightDevice", [&](ObjectReader& device) {
    WeightDevice& entry = out.weight_devices.emplace_back();
    device.read("major", entry.major);
    device.read("minor", entry.minor);
    device.read("weight", entry.weight);
    device.read("leafWeight", entry.leaf_weight);
  });
  read_throttles(from, "throttleReadBpsDevice", out.read_bps);
  read_throttles(from, "throttleWriteBpsDevice", out.write_bps);
  read_throttles(from, "throttleReadIOPSDevice", out.read_iops);
  read_throttles(from, "throttleWriteIOPSDevice", out.write_iops);
}

void read_network(ObjectReader& from, Resources& out) {
  from.read("classID", out.network_class);
  from.each("priorities", [&](ObjectReader& priority) {
    InterfacePriority& entry = out.network_priorities.emplace_back();
    priority.read("name", entry.name);
    priority.read("priority", entry.priority);
  });
}

}  // namespace

void read_resources(ObjectReader& from, Resources& out) {
  from.object("cpu", [&](ObjectReader& cpu) { read_cpu(cpu, out); });
  from.object("memory", [&](ObjectReader& memory) { read_memory(memory, out); });
  from.object("pids", [&](ObjectReader& pids) { pids.read("limit", out.pids_limit); });
  from.object("blockIO", [&](ObjectReader& block) { read_block_io(block, out.block_io); });
  from.each("hugepageLimits", [&](ObjectReader& limit) {
    HugepageLimit& entry = out.hugepages.emplace_back();
    limit.read("pageSize", entry.page_size);
    limit.read("limit", entry.limit);
  });
  from.object("network", [&](ObjectReader& network) { read_network(network, out); });
  from.each_member("rdma", [&](const std::string& device, ObjectReader& limit) {
    RdmaLimit& entry = out.rdma[device];
    limit.read("hcaHandles", entry.handles);
    limit.read("hcaObjects", entry.objects);
  });
  from.each("devices", [&](ObjectReader& rule) { read_device_rule(rule, out.devices.emplace_back()); });
  from.read("unified", out.unified);
}

Result<Resources> parse_resources(std::string_view text) {
  ASSIGN_OR_RETURN(const Json document, parse_json(text, kMaxResources, "resources"));
  std::optional<Error> failure;
  Resources resources;
  ObjectReader reader(document, "resources", failure);
  read_resources(reader, resources);
  if (failure) return *std::move(failure);
  return resources;
}

}  // namespace berth::oci
