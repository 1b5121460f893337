// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/detailed_stats.hpp"

#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <charconv>
#include <memory>

#include "base/cat.hpp"
#include "base/unique_fd.hpp"
#include "runtime/cgroup/control_file.hpp"
#include "runtime/cgroup/group_path.hpp"
#include "runtime/cgroup/group_tree.hpp"
#include "runtime/cgroup/hierarchies.hpp"
#include "runtime/cgroup/stats.hpp"

namespace berth::runtime::cgroup {
namespace {

/// Lines, split at blanks; empty ones are not visited.
template <class Visit>
void each_line(std::string_view text, Visit visit) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::vector<std::string> words = split_words(text.substr(0, end));
    if (!words.empty()) visit(words);
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

/// "rbytes=12" when `name` is "rbytes".
std::optional<std::uint64_t> value_of(std::string_view word, std::string_view name) {
  if (!word.starts_with(name) || word.substr(name.size(), 1) != "=") return std::nullopt;
  return parse_number(word.substr(name.size() + 1));
}

bool is_device(std::string_view text) {
  const std::size_t colon = text.find(':');
  return colon != std::string_view::npos && parse_number(text) && parse_number(text.substr(colon + 1));
}

IoUsage& usage_of(std::vector<IoUsage>& list, const std::string& device) {
  const auto found =
      std::find_if(list.begin(), list.end(), [&](const IoUsage& io) { return io.device == device; });
  if (found != list.end()) return *found;
  list.emplace_back();
  list.back().device = device;
  return list.back();
}

/// The text of one file of a group, where its controller is; empty when there is none.
class Files {
 public:
  Files(const Layout& layout, std::string group) : layout_(layout), group_(std::move(group)) {}

  const MountedHierarchy* home(std::string_view controller) const { return layout_.find(controller); }
  bool in_v2(std::string_view controller) const {
    return home(controller) != nullptr && home(controller)->v2;
  }

  std::string text(const MountedHierarchy* hierarchy, const std::string& file) const {
    if (hierarchy == nullptr) return {};
    auto read = read_control(hierarchy->root.get(), group_, file);
    return read ? *std::move(read) : std::string();
  }
  std::string text(std::string_view controller, const std::string& file) const {
    return text(home(controller), file);
  }
  std::optional<std::uint64_t> number(std::string_view controller, const std::string& file) const {
    return limit_or_unlimited(parse_number(text(controller, file)));
  }

  /// Files of a controller's directory whose name ends so.
  std::vector<std::string> ending(std::string_view controller, std::string_view end) const {
    std::vector<std::string> names;
    const MountedHierarchy* hierarchy = home(controller);
    if (hierarchy == nullptr) return names;
    UniqueFd fd(::openat(hierarchy->root.get(), below_root(group_).c_str(),
                         O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
    if (!fd) return names;
    const std::unique_ptr<DIR, int (*)(DIR*)> dir(::fdopendir(fd.get()), ::closedir);
    if (!dir) return names;
    (void)fd.release();  // closedir() closes it from here on
    while (const dirent* entry = ::readdir(dir.get())) {
      const std::string_view name = entry->d_name;
      if (name.starts_with(controller) && name.ends_with(end)) names.emplace_back(name);
    }
    std::sort(names.begin(), names.end());
    return names;
  }

 private:
  const Layout& layout_;
  std::string group_;
};

void collect_cpu(const Files& files, const Layout& layout, DetailedStats& stats) {
  constexpr std::uint64_t kNsPerUs = 1000;
  stats.cpu.pressure = stats.basic.cpu_pressure;
  const bool v1 = files.home("cpuacct") != nullptr;
  const std::string text = files.text(v1 ? files.home("cpu") : layout.unified(), "cpu.stat");
  const auto micros = [&](std::string_view key) {
    const auto value = find_key(text, key);
    return value ? std::optional(*value * kNsPerUs) : std::nullopt;
  };
  stats.cpu.periods = find_key(text, "nr_periods");
  stats.cpu.throttled_periods = find_key(text, "nr_throttled");
  stats.cpu.throttled_ns = v1 ? find_key(text, "throttled_time") : micros("throttled_usec");
  stats.cpu.user_ns = v1 ? parse_number(files.text("cpuacct", "cpuacct.usage_user")) : micros("user_usec");
  stats.cpu.system_ns = v1 ? parse_number(files.text("cpuacct", "cpuacct.usage_sys")) : micros("system_usec");
  if (!v1) return;
  for (const std::string& word : split_words(files.text("cpuacct", "cpuacct.usage_percpu"))) {
    if (const auto number = parse_number(word)) stats.cpu.per_cpu_ns.push_back(*number);
  }
}

void collect_memory(const Files& files, DetailedStats& stats) {
  MemoryDetails& memory = stats.memory;
  memory.pressure = stats.basic.memory_pressure;
  memory.numbers = parse_numbers(files.text("memory", "memory.stat"));
  if (files.in_v2("memory")) {
    memory.peak = files.number("memory", "memory.peak");
    memory.swap_limit = files.number("memory", "memory.swap.max");
    const std::string events = files.text("memory", "memory.events");
    memory.limit_hits = find_key(events, "max");
    memory.oom_kills = find_key(events, "oom_kill");
    return;
  }
  memory.peak = files.number("memory", "memory.max_usage_in_bytes");
  memory.swap_limit = files.number("memory", "memory.memsw.limit_in_bytes");
  memory.limit_hits = files.number("memory", "memory.failcnt");
  memory.oom_kills = find_key(files.text("memory", "memory.oom_control"), "oom_kill");
  memory.kernel = files.number("memory", "memory.kmem.usage_in_bytes");
  memory.kernel_tcp = files.number("memory", "memory.kmem.tcp.usage_in_bytes");
}

void collect_io(const Files& files, DetailedStats& stats) {
  stats.io_pressure = stats.basic.io_pressure;
  if (files.home("blkio") == nullptr) {
    stats.io = parse_io_stat(files.text("io", "io.stat"));
    return;
  }
  // The throttling layer counts for every scheduler.
  stats.io = parse_blkio(files.text("blkio", "blkio.throttle.io_service_bytes_recursive"),
                         files.text("blkio", "blkio.throttle.io_serviced_recursive"));
}

void collect_hugetlb(const Files& files, DetailedStats& stats) {
  const bool v2 = files.in_v2("hugetlb");
  const std::string_view current = v2 ? ".current" : ".usage_in_bytes";
  for (const std::string& file : files.ending("hugetlb", current)) {
    const std::string stem = file.substr(0, file.size() - current.size());
    if (stem.ends_with(".rsvd") || stem.size() <= 8) continue;
    HugepageUsage usage;
    usage.page_size = stem.substr(8);  // behind "hugetlb."
    usage.usage = files.number("hugetlb", file).value_or(0);
    usage.limit = files.number("hugetlb", stem + (v2 ? ".max" : ".limit_in_bytes"));
    usage.limit_hits = v2 ? find_key(files.text("hugetlb", stem + ".events"), "max")
                          : files.number("hugetlb", stem + ".failcnt");
    if (!v2) usage.peak = files.number("hugetlb", stem + ".max_usage_in_bytes");
    stats.hugepages.push_back(std::move(usage));
  }
}

}  // namespace

std::vector<IoUsage> parse_io_stat(std::string_view text) {
  std::vector<IoUsage> list;
  each_line(text, [&](const std::vector<std::string>& words) {
    if (words.size() < 2 || !is_device(words[0])) return;
    IoUsage& io = usage_of(list, words[0]);
    for (const std::string& word : words) {
      if (const auto value = value_of(word, "rbytes")) io.read_bytes = *value;
      if (const auto value = value_of(word, "wbytes")) io.write_bytes = *value;
      if (const auto value = value_of(word, "rios")) io.read_operations = *value;
      if (const auto value = value_of(word, "wios")) io.write_operations = *value;
      if (const auto value = value_of(word, "dbytes")) io.discard_bytes = *value;
      if (const auto value = value_of(word, "dios")) io.discard_operations = *value;
    }
  });
  return list;
}

std::vector<IoUsage> parse_blkio(std::string_view bytes, std::string_view operations) {
  std::vector<IoUsage> list;
  const auto take = [&](std::string_view text, std::uint64_t IoUsage::*reads, std::uint64_t IoUsage::*writes,
                        std::uint64_t IoUsage::*discards) {
    each_line(text, [&](const std::vector<std::string>& words) {
      if (words.size() != 3 || !is_device(words[0])) return;  // the last line is a total
      const std::uint64_t value = parse_number(words[2]).value_or(0);
      if (words[1] == "Read") usage_of(list, words[0]).*reads = value;
      if (words[1] == "Write") usage_of(list, words[0]).*writes = value;
      if (words[1] == "Discard") usage_of(list, words[0]).*discards = value;
    });
  };
  take(bytes, &IoUsage::read_bytes, &IoUsage::write_bytes, &IoUsage::discard_bytes);
  take(operations, &IoUsage::read_operations, &IoUsage::write_operations, &IoUsage::discard_operations);
  return list;
}

std::map<std::string, oci::RdmaLimit> parse_rdma(std::string_view text) {
  std::map<std::string, oci::RdmaLimit> devices;
  each_line(text, [&](const std::vector<std::string>& words) {
    oci::RdmaLimit& limit = devices[words[0]];
    const auto narrow = [](std::optional<std::uint64_t> number) {
      return number && *number <= UINT32_MAX ? std::optional(static_cast<std::uint32_t>(*number))
                                             : std::nullopt;
    };
    for (const std::string& word : words) {
      if (const auto value = narrow(value_of(word, "hca_handle"))) limit.handles = value;
      if (const auto value = narrow(value_of(word, "hca_object"))) limit.objects = value;
    }
  });
  return devices;
}

std::map<std::string, std::uint64_t> parse_numbers(std::string_view text) {
  std::map<std::string, std::uint64_t> numbers;
  each_line(text, [&](const std::vector<std::string>& words) {
    if (words.size() != 2) return;
    if (const auto value = parse_number(words[1])) numbers[words[0]] = *value;
  });
  return numbers;
}

DetailedStats collect_detailed_stats(const Layout& layout, const std::string& group) {
  DetailedStats stats;
  stats.basic = collect_stats(layout, group);
  const Files files(layout, group);
  collect_cpu(files, layout, stats);
  collect_memory(files, stats);
  collect_io(files, stats);
  collect_hugetlb(files, stats);
  stats.pids_limit = files.number("pids", "pids.max");
  const MountedHierarchy* counted = layout.unified();
  if (counted == nullptr || !group_exists(*counted, group)) counted = layout.find("memory");
  if (counted != nullptr) list_processes(*counted, group, stats.processes);
  stats.rdma_usage = parse_rdma(files.text("rdma", "rdma.current"));
  stats.rdma_limits = parse_rdma(files.text("rdma", "rdma.max"));
  return stats;
}

}  // namespace berth::runtime::cgroup
