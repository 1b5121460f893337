// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/metric_table.hpp"

#include "runtime/cgroup/stats.hpp"

namespace berth::daemon {
namespace {

using Source = MetricSource;
using Values = std::vector<MetricValue>;
using Number = std::optional<std::uint64_t>;
using runtime::InterfaceCounters;
using runtime::cgroup::IoUsage;
using runtime::cgroup::Pressure;

constexpr std::uint64_t kNsPerSecond = 1'000'000'000;
constexpr std::uint64_t kUsPerSecond = 1'000'000;

void add(Values& out, Number value, std::vector<std::string> labels = {}) {
  if (value) out.push_back({std::move(labels), *value});
}

void add_seconds(Values& out, Number ns, std::vector<std::string> labels = {}) {
  if (ns) add(out, *ns / kNsPerSecond, std::move(labels));
}

/// Of memory.stat, under its name in v1, whose total_ lines count what is below as well, or in v2.
Number memory_number(const Source& from, const std::string& v1, const std::string& v2) {
  const auto& numbers = from.group.memory.numbers;
  for (const std::string& name : {"total_" + v1, v2}) {
    if (const auto found = numbers.find(name); found != numbers.end()) return found->second;
  }
  return std::nullopt;
}

template <auto Way, auto Field>
void add_interfaces(const Source& from, Values& out) {
  for (const auto& interface : from.interfaces) add(out, interface.*Way.*Field, {interface.name});
}

std::string name_of(const Source& from, const IoUsage& io) {
  return from.device_name == nullptr ? io.device : from.device_name(io.device);
}

template <auto Field>
void add_io(const Source& from, Values& out) {
  for (const auto& io : from.group.io) add(out, io.*Field, {name_of(from, io)});
}

template <auto Field>
void add_disk(const Source& from, Values& out) {
  if (from.disk) add(out, (*from.disk).*Field, {from.disk->device});
}

void add_operations(const Source& from, Values& out) {
  for (const auto& io : from.group.io) {
    const auto colon = io.device.find(':');
    const auto one = [&](std::uint64_t value, const char* operation) {
      add(out, value,
          {name_of(from, io), io.device.substr(0, colon), io.device.substr(colon + 1), operation});
    };
    one(io.read_bytes, "Read");
    one(io.write_bytes, "Write");
    one(io.discard_bytes, "Discard");
  }
}

/// cAdvisor counts those of a group alone, and of all below it: containers have nothing below them.
void add_failures(const Source& from, Values& out) {
  for (const char* type : {"pgfault", "pgmajfault"}) {
    const Number below = memory_number(from, type, type);
    const auto own = from.group.memory.numbers.find(type);
    if (below) add(out, own == from.group.memory.numbers.end() ? *below : own->second, {type, "container"});
    add(out, below, {type, "hierarchy"});
  }
}

Number positive(std::int64_t value) {
  return value > 0 ? Number(static_cast<std::uint64_t>(value)) : std::nullopt;
}

/// What the group guarantees; there is no typed field for it.
Number reservation(const Source& from) {
  const auto& unified = from.limits.unified();
  for (const char* key : {"memory.min", "memory.low"}) {
    const auto found = unified.find(key);
    if (found != unified.end()) return runtime::cgroup::parse_number(found->second).value_or(0);
  }
  return 0;
}

Number seconds_of(const std::optional<runtime::cgroup::PressureLine>& line) {
  return line ? Number(line->total_us / kUsPerSecond) : std::nullopt;
}

constexpr auto C = cri::COUNTER;
constexpr auto G = cri::GAUGE;

void add_cpu_kinds(std::vector<MetricKind>& to) {
  const auto add_kind = [&](std::string_view name, std::string_view help,
                            std::vector<std::string_view> labels, auto collect) {
    to.push_back({"cpu", name, help, C, std::move(labels), collect});
  };
  add_kind("container_cpu_cfs_periods_total", "Elapsed enforcement periods.", {},
           [](const Source& from, Values& out) { add(out, from.group.cpu.periods); });
  add_kind("container_cpu_cfs_throttled_periods_total", "Throttled enforcement periods.", {},
           [](const Source& from, Values& out) { add(out, from.group.cpu.throttled_periods); });
  add_kind("container_cpu_cfs_throttled_seconds_total", "Seconds of being throttled.", {},
           [](const Source& from, Values& out) { add_seconds(out, from.group.cpu.throttled_ns); });
  add_kind("container_cpu_system_seconds_total", "Seconds of CPU time in the kernel.", {},
           [](const Source& from, Values& out) { add_seconds(out, from.group.cpu.system_ns); });
  add_kind(
      "container_cpu_usage_seconds_total", "Seconds of CPU time on all cores.", {"cpu"},
      [](const Source& from, Values& out) { add_seconds(out, from.group.basic.cpu_usage_ns, {"total"}); });
  add_kind("container_cpu_user_seconds_total", "Seconds of CPU time in programs.", {},
           [](const Source& from, Values& out) { add_seconds(out, from.group.cpu.user_ns); });
}

void add_disk_kinds(std::vector<MetricKind>& to) {
  const auto add_kind = [&](std::string_view name, std::string_view help, auto collect) {
    to.push_back({"disk", name, help, G, {"device"}, collect});
  };
  add_kind("container_fs_inodes_free", "Free inodes of the file system with the writable layer.",
           add_disk<&Source::Disk::inodes_free>);
  add_kind("container_fs_inodes_total", "Inodes of the file system with the writable layer.",
           add_disk<&Source::Disk::inodes>);
  add_kind("container_fs_limit_bytes", "Size of the file system with the writable layer.",
           add_disk<&Source::Disk::size>);
  add_kind("container_fs_usage_bytes", "Bytes in the writable layer.", add_disk<&Source::Disk::used>);
}

void add_disk_io_kinds(std::vector<MetricKind>& to) {
  const auto add_kind = [&](std::string_view name, std::string_view help,
                            std::vector<std::string_view> labels, auto collect) {
    to.push_back({"diskIO", name, help, C, std::move(labels), collect});
  };
  add_kind("container_blkio_device_usage_total", "Bytes that went to or came from a block device.",
           {"device", "major", "minor", "operation"}, add_operations);
  add_kind("container_fs_reads_bytes_total", "Bytes read from block devices.", {"device"},
           add_io<&IoUsage::read_bytes>);
  add_kind("container_fs_reads_total", "Reads from block devices.", {"device"},
           add_io<&IoUsage::read_operations>);
  add_kind("container_fs_writes_bytes_total", "Bytes written to block devices.", {"device"},
           add_io<&IoUsage::write_bytes>);
  add_kind("container_fs_writes_total", "Writes to block devices.", {"device"},
           add_io<&IoUsage::write_operations>);
}

void add_hugetlb_kinds(std::vector<MetricKind>& to) {
  to.push_back({"hugetlb",
                "container_hugetlb_max_usage_bytes",
                "Most bytes of huge pages in use so far.",
                G,
                {"pagesize"},
                [](const Source& from, Values& out) {
                  for (const auto& pages : from.group.hugepages) add(out, pages.peak, {pages.page_size});
                }});
  to.push_back({"hugetlb",
                "container_hugetlb_usage_bytes",
                "Bytes of huge pages in use.",
                G,
                {"pagesize"},
                [](const Source& from, Values& out) {
                  for (const auto& pages : from.group.hugepages) add(out, pages.usage, {pages.page_size});
                }});
}

void add_memory_kinds(std::vector<MetricKind>& to) {
  const auto add_kind = [&](cri::MetricType type, std::string_view name, std::string_view help,
                            auto collect) {
    to.push_back({"memory", name, help, type, {}, collect});
  };
  add_kind(G, "container_memory_cache", "Bytes of page cache.",
           [](const Source& from, Values& out) { add(out, memory_number(from, "cache", "file")); });
  add_kind(C, "container_memory_failcnt", "How often the memory limit was hit.",
           [](const Source& from, Values& out) { add(out, from.group.memory.limit_hits); });
  to.push_back({"memory",
                "container_memory_failures_total",
                "Page faults.",
                C,
                {"failure_type", "scope"},
                add_failures});
  add_kind(
      G, "container_memory_kernel_usage", "Bytes of kernel memory.", [](const Source& from, Values& out) {
        add(out,
            from.group.memory.kernel ? from.group.memory.kernel : memory_number(from, "kernel", "kernel"));
      });
  add_kind(G, "container_memory_mapped_file", "Bytes of mapped files.", [](const Source& from, Values& out) {
    add(out, memory_number(from, "mapped_file", "file_mapped"));
  });
  add_kind(G, "container_memory_max_usage_bytes", "Most bytes in use so far.",
           [](const Source& from, Values& out) { add(out, from.group.memory.peak); });
  add_kind(G, "container_memory_rss", "Bytes of anonymous memory.",
           [](const Source& from, Values& out) { add(out, from.group.basic.memory_rss); });
  add_kind(G, "container_memory_swap", "Bytes of swap in use.",
           [](const Source& from, Values& out) { add(out, from.group.basic.swap_usage); });
  add_kind(G, "container_memory_usage_bytes", "Bytes in use, page cache included.",
           [](const Source& from, Values& out) { add(out, from.group.basic.memory_usage); });
  add_kind(G, "container_memory_working_set_bytes", "Bytes in use less what the kernel could drop at once.",
           [](const Source& from, Values& out) { add(out, from.group.basic.memory_working_set); });
}

void add_network_kinds(std::vector<MetricKind>& to) {
  using Way = InterfaceCounters::Way;
  const auto add_kind = [&](std::string_view name, std::string_view help, auto collect) {
    to.push_back({"network", name, help, C, {"interface"}, collect});
  };
  constexpr auto kReceived = &InterfaceCounters::received;
  constexpr auto kSent = &InterfaceCounters::sent;
  add_kind("container_network_receive_bytes_total", "Bytes received.",
           add_interfaces<kReceived, &Way::bytes>);
  add_kind("container_network_receive_errors_total", "Errors while receiving.",
           add_interfaces<kReceived, &Way::errors>);
  add_kind("container_network_receive_packets_dropped_total", "Packets dropped while receiving.",
           add_interfaces<kReceived, &Way::dropped>);
  add_kind("container_network_receive_packets_total", "Packets received.",
           add_interfaces<kReceived, &Way::packets>);
  add_kind("container_network_transmit_bytes_total", "Bytes sent.", add_interfaces<kSent, &Way::bytes>);
  add_kind("container_network_transmit_errors_total", "Errors while sending.",
           add_interfaces<kSent, &Way::errors>);
  add_kind("container_network_transmit_packets_dropped_total", "Packets dropped while sending.",
           add_interfaces<kSent, &Way::dropped>);
  add_kind("container_network_transmit_packets_total", "Packets sent.", add_interfaces<kSent, &Way::packets>);
}

void add_pressure_kinds(std::vector<MetricKind>& to) {
  const auto add_kind = [&](std::string_view name, std::string_view help, auto collect) {
    to.push_back({"pressure", name, help, C, {}, collect});
  };
  constexpr std::string_view kStalled = "Seconds in which all tasks waited.";
  constexpr std::string_view kWaiting = "Seconds in which at least one task waited.";
  add_kind("container_pressure_cpu_stalled_seconds_total", kStalled,
           [](const Source& from, Values& out) { add(out, seconds_of(from.group.cpu.pressure.full)); });
  add_kind("container_pressure_cpu_waiting_seconds_total", kWaiting,
           [](const Source& from, Values& out) { add(out, seconds_of(from.group.cpu.pressure.some)); });
  add_kind("container_pressure_io_stalled_seconds_total", kStalled,
           [](const Source& from, Values& out) { add(out, seconds_of(from.group.io_pressure.full)); });
  add_kind("container_pressure_io_waiting_seconds_total", kWaiting,
           [](const Source& from, Values& out) { add(out, seconds_of(from.group.io_pressure.some)); });
  add_kind("container_pressure_memory_stalled_seconds_total", kStalled,
           [](const Source& from, Values& out) { add(out, seconds_of(from.group.memory.pressure.full)); });
  add_kind("container_pressure_memory_waiting_seconds_total", kWaiting,
           [](const Source& from, Values& out) { add(out, seconds_of(from.group.memory.pressure.some)); });
}

void add_process_kinds(std::vector<MetricKind>& to) {
  const auto add_kind = [&](std::string_view name, std::string_view help, auto collect) {
    to.push_back({"process", name, help, G, {}, collect});
  };
  add_kind("container_file_descriptors", "Open descriptors of all processes.",
           [](const Source& from, Values& out) {
             if (from.processes) add(out, from.processes->descriptors);
           });
  add_kind("container_processes", "Processes.", [](const Source& from, Values& out) {
    if (from.processes) add(out, from.processes->count);
  });
  add_kind("container_sockets", "Open sockets of all processes.", [](const Source& from, Values& out) {
    if (from.processes) add(out, from.processes->sockets);
  });
  add_kind("container_threads", "Threads.",
           [](const Source& from, Values& out) { add(out, from.group.basic.pids); });
  add_kind("container_threads_max", "Most threads that there may be; 0: any number.",
           [](const Source& from, Values& out) {
             if (from.group.basic.pids) add(out, from.group.pids_limit.value_or(0));
           });
  to.push_back({"process",
                "container_ulimits_soft",
                "Soft limits of the main process.",
                G,
                {"ulimit"},
                [](const Source& from, Values& out) {
                  if (from.processes) add(out, from.processes->max_descriptors, {"max_open_files"});
                }});
}

void add_spec_kinds(std::vector<MetricKind>& to) {
  const auto add_kind = [&](std::string_view name, std::string_view help, auto collect) {
    to.push_back({"spec", name, help, G, {}, collect});
  };
  add_kind("container_last_seen", "When it was last seen, in seconds since 1970.",
           [](const Source& from, Values& out) { add_seconds(out, positive(from.now_ns)); });
  add_kind("container_spec_cpu_period", "Length of an enforcement period in microseconds.",
           [](const Source& from, Values& out) { add(out, positive(from.limits.cpu_period())); });
  add_kind("container_spec_cpu_quota", "CPU time in each period in microseconds; absent without a limit.",
           [](const Source& from, Values& out) { add(out, positive(from.limits.cpu_quota())); });
  add_kind("container_spec_cpu_shares", "Share of the CPUs, 1024 for each.",
           [](const Source& from, Values& out) { add(out, positive(from.limits.cpu_shares())); });
  add_kind("container_spec_memory_limit_bytes", "Memory limit; 0: none.",
           [](const Source& from, Values& out) {
             if (from.group.basic.memory_usage) add(out, from.group.basic.memory_limit.value_or(0));
           });
  add_kind("container_spec_memory_reservation_limit_bytes", "Guaranteed memory; 0: none.",
           [](const Source& from, Values& out) { add(out, reservation(from)); });
  add_kind("container_spec_memory_swap_limit_bytes",
           "Swap limit; 0: none. With cgroup v1 it counts memory, too.", [](const Source& from, Values& out) {
             if (from.group.basic.memory_usage) add(out, from.group.memory.swap_limit.value_or(0));
           });
  add_kind("container_start_time_seconds", "When it was started, in seconds since 1970.",
           [](const Source& from, Values& out) { add_seconds(out, positive(from.started_ns)); });
}

std::vector<MetricKind> all_kinds() {
  std::vector<MetricKind> kinds;
  add_cpu_kinds(kinds);
  add_disk_kinds(kinds);
  add_disk_io_kinds(kinds);
  add_hugetlb_kinds(kinds);
  add_memory_kinds(kinds);
  add_network_kinds(kinds);
  kinds.push_back({"oom",
                   "container_oom_events_total",
                   "Processes killed for lack of memory.",
                   C,
                   {},
                   [](const Source& from, Values& out) { add(out, from.group.memory.oom_kills); }});
  add_pressure_kinds(kinds);
  add_process_kinds(kinds);
  add_spec_kinds(kinds);
  return kinds;
}

}  // namespace

const std::vector<MetricKind>& metric_kinds() {
  static const std::vector<MetricKind> kinds = all_kinds();
  return kinds;
}

}  // namespace berth::daemon
