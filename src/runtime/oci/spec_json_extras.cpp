// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/spec_parse.hpp"

namespace berth::oci {
namespace {

void read_scheduler(ObjectReader& from, Scheduler& out) {
  from.read("policy", out.policy);
  from.read("nice", out.nice);
  from.read("priority", out.priority);
  from.read("flags", out.flags);
  from.read("runtime", out.runtime);
  from.read("deadline", out.deadline);
  from.read("period", out.period);
}

void read_rdt(ObjectReader& from, IntelRdt& out) {
  from.read("closID", out.clos_id);
  from.read("schemata", out.schemata);
  from.read("l3CacheSchema", out.l3_cache_schema);
  from.read("memBwSchema", out.mem_bw_schema);
  from.read("enableMonitoring", out.enable_monitoring);
  // The older spelling of the same wish.
  for (const char* key : {"enableCMT", "enableMBM"}) {
    bool wanted = false;
    from.read(key, wanted);
    out.enable_monitoring = out.enable_monitoring || wanted;
  }
}

}  // namespace

void read_id_mappings(ObjectReader& from, std::string_view key, std::vector<IdMapping>& out) {
  from.each(key, [&](ObjectReader& mapping) {
    IdMapping& entry = out.emplace_back();
    mapping.read("containerID", entry.container_id);
    mapping.read("hostID", entry.host_id);
    mapping.read("size", entry.size);
  });
}

void read_scheduling(ObjectReader& from, Process& out) {
  from.object("scheduler", [&](ObjectReader& member) { read_scheduler(member, out.scheduler.emplace()); });
  from.object("ioPriority", [&](ObjectReader& member) {
    out.io_priority.emplace();
    member.read("class", out.io_priority->io_class);
    member.read("priority", out.io_priority->priority);
  });
  from.object("execCPUAffinity", [&](ObjectReader& member) {
    out.exec_cpu_affinity.emplace();
    member.read("initial", out.exec_cpu_affinity->initial);
    member.read("final", out.exec_cpu_affinity->final_);
  });
}

void read_linux_extras(ObjectReader& from, Linux& out) {
  read_id_mappings(from, "uidMappings", out.uid_mappings);
  read_id_mappings(from, "gidMappings", out.gid_mappings);
  from.each_member("timeOffsets", [&](const std::string& clock, ObjectReader& member) {
    TimeOffset& offset = out.time_offsets[clock];
    member.read("secs", offset.seconds);
    member.read("nanosecs", offset.nanoseconds);
  });
  from.each_member("netDevices", [&](const std::string& name, ObjectReader& member) {
    member.read("name", out.net_devices[name]);
  });
  from.object("personality", [&](ObjectReader& member) {
    out.personality.emplace();
    member.read("domain", out.personality->domain);
    member.read("flags", out.personality->flags);
  });
  from.object("memoryPolicy", [&](ObjectReader& member) {
    out.memory_policy.emplace();
    member.read("mode", out.memory_policy->mode);
    member.read("nodes", out.memory_policy->nodes);
    member.read("flags", out.memory_policy->flags);
  });
  from.object("intelRdt", [&](ObjectReader& member) { read_rdt(member, out.intel_rdt.emplace()); });
}

}  // namespace berth::oci
