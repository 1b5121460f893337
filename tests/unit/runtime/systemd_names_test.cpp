// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "runtime/cgroup/systemd_names.hpp"
#include "runtime/cgroup/systemd_properties.hpp"

using namespace berth;
using namespace berth::runtime::cgroup;

namespace {

std::string text(const Result<std::string>& result) {
  return result ? *result : "refused: " + result.error().to_string();
}

template <class List>
std::string numbers_text(const List& list) {
  std::string out;
  for (const auto number : list) out += (out.empty() ? "" : ",") + std::to_string(number);
  return out;
}

std::string text(const std::vector<UnitProperty>& properties) {
  struct Print {
    std::string operator()(bool flag) const { return flag ? "true" : "false"; }
    std::string operator()(std::uint64_t n) const { return n == UINT64_MAX ? "max" : std::to_string(n); }
    std::string operator()(const std::string& s) const { return s; }
    std::string operator()(const std::vector<std::uint32_t>& list) const { return numbers_text(list); }
    std::string operator()(const std::vector<std::uint8_t>& list) const { return numbers_text(list); }
  };
  std::string out;
  for (const UnitProperty& property : properties)
    out += (out.empty() ? "" : " ") + property.name + "=" + std::visit(Print{}, property.value);
  return out;
}

}  // namespace

TEST_CASE("a slice's parents are in its name", "[cgroup][systemd]") {
  CHECK(text(expand_slice("a.slice")) == "/a.slice");
  CHECK(text(expand_slice("kubepods-burstable-podab_cd.slice")) ==
        "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podab_cd.slice");
  CHECK(text(expand_slice("-.slice")) == "/");
  for (const char* name : {"", ".slice", "a", "a.scope", "-a.slice", "a-.slice", "a--b.slice", "--.slice",
                           "a/b.slice", "../a.slice", "a b.slice", "a\n.slice", "ü.slice"}) {
    INFO(name);
    const auto refused = expand_slice(name);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code() == Code::kInvalidArgument);
  }
}

TEST_CASE("slice:prefix:name is a scope in a slice", "[cgroup][systemd]") {
  CHECK(text(systemd_group_path("a-b.slice:berth:x1", "id")) == "/a.slice/a-b.slice/berth-x1.scope");
  CHECK(text(systemd_group_path(":berth:x1", "id")) == "/system.slice/berth-x1.scope");
  CHECK(text(systemd_group_path("-.slice:p:x", "id")) == "/p-x.scope");
  CHECK(text(systemd_group_path("a.slice::x", "id")) == "/a.slice/x.scope");
  CHECK(text(systemd_group_path("", "id", "user.slice")) == "/user.slice/berth-id.scope");
  CHECK(text(systemd_group_path("a.slice:p:c-d.slice", "id")) == "/c.slice/c-d.slice");
  for (const char* path : {"/kubepods/x", "a.slice:x", "a:b:c:d", "a.slice:p:", "a:p:x", "a.slice:p:x/y",
                           "a.slice:../p:x", "a/b.slice:p:x", "::"}) {
    INFO(path);
    CHECK_FALSE(systemd_group_path(path, "id"));
  }
  CHECK_FALSE(systemd_group_path("", std::string(300, 'x')));
}

TEST_CASE("a pod's parent is a slice, by name or by its whole path", "[cgroup][systemd]") {
  CHECK(text(slice_parent("kubepods-podx.slice")) == "/kubepods.slice/kubepods-podx.slice");
  CHECK(text(slice_parent("/kubepods.slice/kubepods-podx.slice/")) == "/kubepods.slice/kubepods-podx.slice");
  CHECK_FALSE(slice_parent("/kubepods-podx.slice"));
  CHECK_FALSE(slice_parent("/other.slice/kubepods-podx.slice"));
  CHECK_FALSE(slice_parent("/kubepods/podx"));
  CHECK_FALSE(slice_parent("-.slice"));
  CHECK_FALSE(slice_parent(""));
}

TEST_CASE("a path names a unit only where systemd would put it", "[cgroup][systemd]") {
  const auto scope = unit_of_path("/a.slice/a-b.slice/berth-1.scope");
  REQUIRE(scope);
  CHECK(scope->unit == "berth-1.scope");
  CHECK(scope->slice == "a-b.slice");
  CHECK_FALSE(scope->is_slice);
  const auto slice = unit_of_path("/a.slice/a-b.slice");
  REQUIRE(slice);
  CHECK(slice->is_slice);
  CHECK(unit_of_path("/x.scope")->slice == "-.slice");
  for (const char* path : {"/a-b.slice/x.scope", "/a.slice/b.slice", "/a/x.scope", "/a.slice/x", "x.scope",
                           "/", "", "/a.slice/x.scope/exec-1"}) {
    INFO(path);
    CHECK_FALSE(unit_of_path(path));
  }
}

TEST_CASE("a scope is delegated, in its slice, and collected whatever becomes of it", "[cgroup][systemd]") {
  const std::string scope = text(unit_properties({"berth-1.scope", "a-b.slice", false}, 77));
  CHECK(scope ==
        "Description=berth container berth-1.scope DefaultDependencies=false CollectMode=inactive-or-failed "
        "CPUAccounting=true MemoryAccounting=true IOAccounting=true TasksAccounting=true Slice=a-b.slice "
        "Delegate=true PIDs=77");
  const std::string slice = text(unit_properties({"a-b.slice", "", true}, 0));
  CHECK_THAT(slice, !Catch::Contains("Delegate") && !Catch::Contains("PIDs") && !Catch::Contains("Slice="));
}

TEST_CASE("limits are told to systemd in its own units", "[cgroup][systemd]") {
  oci::Resources limits;
  CHECK(text(limit_properties(limits, "")).empty());
  limits.cpu_shares = 1024;
  limits.cpu_quota = 25001;
  limits.cpu_period = 50000;
  limits.memory_limit = 100;
  limits.memory_swap = 150;
  limits.memory_reservation = 50;
  limits.pids_limit = 0;
  limits.cpuset_cpus = "0,2-3,9";
  limits.cpuset_mems = "0";
  limits.block_io.weight = 500;
  // Half of a CPU and a bit: the next whole percent.
  CHECK(text(limit_properties(limits, "")) ==
        "CPUWeight=100 CPUQuotaPeriodUSec=50000 CPUQuotaPerSecUSec=510000 MemoryMax=100 MemorySwapMax=50 "
        "MemoryLow=50 TasksMax=1 IOWeight=4950 AllowedCPUs=13,2 AllowedMemoryNodes=1");
  limits = {};
  limits.cpu_quota = -1;
  limits.memory_limit = -1;
  limits.pids_limit = -1;
  CHECK(text(limit_properties(limits, "")) ==
        "CPUQuotaPerSecUSec=max MemoryMax=max MemorySwapMax=max TasksMax=max");
}

TEST_CASE("a quota without a period goes with the period that there is", "[cgroup][systemd]") {
  oci::Resources limits;
  limits.cpu_quota = 20000;
  CHECK(text(limit_properties(limits, "max 100000")) == "CPUQuotaPerSecUSec=200000");
  CHECK(text(limit_properties(limits, "5000 10000")) == "CPUQuotaPerSecUSec=2000000");
  CHECK(text(limit_properties(limits, "")) == "CPUQuotaPerSecUSec=200000");
  limits.cpu_quota = INT64_MAX;
  CHECK(text(limit_properties(limits, "max 100000")) == "CPUQuotaPerSecUSec=max");
}

TEST_CASE("verbatim files that systemd would write itself become properties, others do not",
          "[cgroup][systemd]") {
  oci::Resources limits;
  limits.unified = {{"cpu.max", "50000 100000"}, {"cpuset.cpus", "1"},     {"memory.high", "max"},
                    {"memory.oom.group", "1"},   {"io.max", "8:0 rbps=1"}, {"pids.max", "junk"}};
  CHECK(text(limit_properties(limits, "")) ==
        "CPUQuotaPeriodUSec=100000 CPUQuotaPerSecUSec=500000 AllowedCPUs=2 MemoryHigh=max");
}

TEST_CASE("a slice so deep that no cgroup could have its path is refused", "[cgroup][systemd]") {
  std::string deep = "a";
  while (deep.size() < 240) deep += "-a";
  const auto path = slice_parent(deep + ".slice");
  REQUIRE_FALSE(path);
  CHECK(path.error().to_string().find("longer than") != std::string::npos);
  CHECK_FALSE(systemd_group_path(deep + ".slice:p:n", "id"));
}
