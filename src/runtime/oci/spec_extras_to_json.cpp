// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/spec_parse.hpp"

namespace berth::oci {
namespace {

template <class Value>
void put_optional(Json& object, const char* key, const std::optional<Value>& value) {
  if (value) object[key] = *value;
}
template <class Container>
void put_filled(Json& object, const char* key, const Container& values) {
  if (!values.empty()) object[key] = values;
}

Json scheduler_json(const Scheduler& scheduler) {
  Json out = {{"policy", scheduler.policy}};
  put_optional(out, "nice", scheduler.nice);
  put_optional(out, "priority", scheduler.priority);
  put_filled(out, "flags", scheduler.flags);
  put_optional(out, "runtime", scheduler.runtime);
  put_optional(out, "deadline", scheduler.deadline);
  put_optional(out, "period", scheduler.period);
  return out;
}

Json rdt_json(const IntelRdt& rdt) {
  Json out = Json::object();
  put_filled(out, "closID", rdt.clos_id);
  put_filled(out, "schemata", rdt.schemata);
  put_filled(out, "l3CacheSchema", rdt.l3_cache_schema);
  put_filled(out, "memBwSchema", rdt.mem_bw_schema);
  if (rdt.enable_monitoring) out["enableMonitoring"] = true;
  return out;
}

Json memory_policy_json(const MemoryPolicy& policy) {
  Json out = {{"mode", policy.mode}};
  put_filled(out, "nodes", policy.nodes);
  put_filled(out, "flags", policy.flags);
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
    put_filled(out["execCPUAffinity"], "initial", process.exec_cpu_affinity->initial);
    put_filled(out["execCPUAffinity"], "final", process.exec_cpu_affinity->final_);
  }
}

void put_extras(const Linux& linux_, Json& out) {
  if (!linux_.uid_mappings.empty()) out["uidMappings"] = id_mappings_json(linux_.uid_mappings);
  if (!linux_.gid_mappings.empty()) out["gidMappings"] = id_mappings_json(linux_.gid_mappings);
  for (const auto& [clock, offset] : linux_.time_offsets)
    out["timeOffsets"][clock] = {{"secs", offset.seconds}, {"nanosecs", offset.nanoseconds}};
  for (const auto& [name, renamed] : linux_.net_devices) {
    out["netDevices"][name] = Json::object();
    put_filled(out["netDevices"][name], "name", renamed);
  }
  if (linux_.personality) {
    out["personality"] = {{"domain", linux_.personality->domain}};
    put_filled(out["personality"], "flags", linux_.personality->flags);
  }
  if (linux_.memory_policy) out["memoryPolicy"] = memory_policy_json(*linux_.memory_policy);
  if (linux_.intel_rdt) out["intelRdt"] = rdt_json(*linux_.intel_rdt);
}

}  // namespace berth::oci
