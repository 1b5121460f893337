// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/json_put.hpp"
#include "runtime/oci/spec_parse.hpp"

namespace berth::oci {
namespace {

Json scheduler_json(const Scheduler& scheduler) {
  Json out = {{"policy", scheduler.policy}};
  put(out, "nice", scheduler.nice);
  put(out, "priority", scheduler.priority);
  put_list(out, "flags", scheduler.flags);
  put(out, "runtime", scheduler.runtime);
  put(out, "deadline", scheduler.deadline);
  put(out, "period", scheduler.period);
  return out;
}

Json rdt_json(const IntelRdt& rdt) {
  Json out = Json::object();
  put_list(out, "closID", rdt.clos_id);
  put_list(out, "schemata", rdt.schemata);
  put_list(out, "l3CacheSchema", rdt.l3_cache_schema);
  put_list(out, "memBwSchema", rdt.mem_bw_schema);
  if (rdt.enable_monitoring) out["enableMonitoring"] = true;
  return out;
}

Json memory_policy_json(const MemoryPolicy& policy) {
  Json out = {{"mode", policy.mode}};
  put_list(out, "nodes", policy.nodes);
  put_list(out, "flags", policy.flags);
  return out;
}

}  // namespace

Json id_mappings_json(const std::vector<IdMapping>& mappings) {
  Json out = Json::array();
  for (const IdMapping& entry : mappings) {
    out.push_back({{"containerID", entry.container_id}, {"hostID", entry.host_id}, {"size", entry.size}});
  }
  return out;
}

void put_scheduling(const Process& process, Json& out) {
  if (process.scheduler) out["scheduler"] = scheduler_json(*process.scheduler);
  if (process.io_priority) {
    out["ioPriority"] = {{"class", process.io_priority->io_class},
                         {"priority", process.io_priority->priority}};
  }
  if (process.exec_cpu_affinity) {
    out["execCPUAffinity"] = Json::object();
    put_list(out["execCPUAffinity"], "initial", process.exec_cpu_affinity->initial);
    put_list(out["execCPUAffinity"], "final", process.exec_cpu_affinity->final_);
  }
}

void put_extras(const Linux& linux_, Json& out) {
  if (!linux_.uid_mappings.empty()) out["uidMappings"] = id_mappings_json(linux_.uid_mappings);
  if (!linux_.gid_mappings.empty()) out["gidMappings"] = id_mappings_json(linux_.gid_mappings);
  for (const auto& [clock, offset] : linux_.time_offsets)
    out["timeOffsets"][clock] = {{"secs", offset.seconds}, {"nanosecs", offset.nanoseconds}};
  for (const auto& [name, renamed] : linux_.net_devices) {
    out["netDevices"][name] = Json::object();
    put_list(out["netDevices"][name], "name", renamed);
  }
  if (linux_.personality) {
    out["personality"] = {{"domain", linux_.personality->domain}};
    put_list(out["personality"], "flags", linux_.personality->flags);
  }
  if (linux_.memory_policy) out["memoryPolicy"] = memory_policy_json(*linux_.memory_policy);
  if (linux_.intel_rdt) out["intelRdt"] = rdt_json(*linux_.intel_rdt);
}

}  // namespace berth::oci
