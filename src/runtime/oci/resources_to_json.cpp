// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/spec_json.hpp"

namespace berth::oci {
namespace {

/// An object under construction: what is absent or empty is left out.
class Members {
 public:
  template <class Value>
  Members& put(const char* key, const std::optional<Value>& value) {
    if (value) object_[key] = *value;
    return *this;
  }
  template <class Container>
  Members& list(const char* key, const Container& values) {
    if (!values.empty()) object_[key] = values;
    return *this;
  }
  template <class Values, class Convert>
  Members& each(const char* key, const Values& values, Convert convert) {
    for (const auto& value : values) object_[key].push_back(convert(value));
    return *this;
  }
  Members& object(const char* key, Json members) {
    if (!members.empty()) object_[key] = std::move(members);
    return *this;
  }
  Json take() { return std::move(object_); }

 private:
  Json object_ = Json::object();
};

Json device_rule_json(const DeviceRule& rule) {
  Members members;
  members.put("major", rule.major).put("minor", rule.minor).list("access", rule.access);
  Json out = members.take();
  out["allow"] = rule.allow;
  out["type"] = std::string(1, rule.type);
  return out;
}

Json weight_device_json(const WeightDevice& device) {
  Members members;
  members.put("weight", device.weight).put("leafWeight", device.leaf_weight);
  Json out = members.take();
  out["major"] = device.major;
  out["minor"] = device.minor;
  return out;
}

Json throttle_json(const ThrottleDevice& device) {
  return {{"major", device.major}, {"minor", device.minor}, {"rate", device.rate}};
}

Json block_io_json(const BlockIo& io) {
  Members out;
  out.put("weight", io.weight).put("leafWeight", io.leaf_weight);
  out.each("weightDevice", io.weight_devices, weight_device_json);
  out.each("throttleReadBpsDevice", io.read_bps, throttle_json);
  out.each("throttleWriteBpsDevice", io.write_bps, throttle_json);
  out.each("throttleReadIOPSDevice", io.read_iops, throttle_json);
  out.each("throttleWriteIOPSDevice", io.write_iops, throttle_json);
  return out.take();
}

Json cpu_json(const Resources& resources) {
  Members out;
  out.put("shares", resources.cpu_shares).put("quota", resources.cpu_quota);
  out.put("period", resources.cpu_period).put("burst", resources.cpu_burst);
  out.put("realtimeRuntime", resources.cpu_rt_runtime).put("realtimePeriod", resources.cpu_rt_period);
  out.put("idle", resources.cpu_idle).list("cpus", resources.cpuset_cpus).list("mems", resources.cpuset_mems);
  return out.take();
}

Json memory_json(const Resources& resources) {
  Members out;
  out.put("limit", resources.memory_limit).put("swap", resources.memory_swap);
  out.put("reservation", resources.memory_reservation).put("kernel", resources.memory_kernel);
  out.put("kernelTCP", resources.memory_kernel_tcp).put("swappiness", resources.memory_swappiness);
  out.put("disableOOMKiller", resources.memory_disable_oom_killer);
  out.put("useHierarchy", resources.memory_use_hierarchy);
  if (resources.memory_check_before_update) out.put("checkBeforeUpdate", std::optional<bool>(true));
  return out.take();
}

Json rdma_json(const std::map<std::string, RdmaLimit>& rdma) {
  Json out = Json::object();
  for (const auto& [device, limit] : rdma) {
    Members members;
    members.put("hcaHandles", limit.handles).put("hcaObjects", limit.objects);
    out[device] = members.take();
  }
  return out;
}

}  // namespace

Json to_json(const Resources& resources) {
  Members network;
  network.put("classID", resources.network_class);
  network.each("priorities", resources.network_priorities, [](const InterfacePriority& entry) {
    return Json{{"name", entry.name}, {"priority", entry.priority}};
  });
  Members pids;
  pids.put("limit", resources.pids_limit);
  Members out;
  out.object("cpu", cpu_json(resources)).object("memory", memory_json(resources));
  out.object("pids", pids.take()).object("blockIO", block_io_json(resources.block_io));
  out.each("hugepageLimits", resources.hugepages, [](const HugepageLimit& limit) {
    return Json{{"pageSize", limit.page_size}, {"limit", limit.limit}};
  });
  out.object("network", network.take()).object("rdma", rdma_json(resources.rdma));
  out.each("devices", resources.devices, device_rule_json);
  out.list("unified", resources.unified);
  return out.take();
}

}  // namespace berth::oci
