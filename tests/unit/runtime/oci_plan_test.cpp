// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "plan_fixture.hpp"
#include "runtime/cli/bundle.hpp"
#include "runtime/oci/spec_check.hpp"
#include "runtime/oci/spec_json.hpp"

namespace berth::runtime {
namespace {

using plan::OpKind;

Plan compiled_with(const oci::Spec& spec, const CompileOptions& options) {
  auto plan = compile_container(spec, options);
  if (!plan) FAIL(plan.error().to_string());
  return **plan;
}

std::string hook_refused(const oci::Hook& hook) {
  oci::Spec spec = test::small_spec();
  spec.hooks.poststart = {hook};
  const auto checked = oci::check_spec(spec);
  return checked ? "accepted" : checked.error().to_string();
}

}  // namespace

TEST_CASE("hooks find everything mounted, nothing read-only, and the host's root", "[oci][plan]") {
  CompileOptions options = test::pod_options();
  const std::size_t absent = compiled_with(test::small_spec(), options).ops.size();
  CHECK(test::position(compiled_with(test::small_spec(), options), OpKind::kSync) == absent);
  options.stops_for_hooks = true;
  const Plan plan = compiled_with(test::small_spec(), options);
  const std::size_t sync = test::position(plan, OpKind::kSync);
  CHECK(sync + 1 == test::position(plan, OpKind::kPivot));
  CHECK(plan.ops[sync].phase == plan::Phase::kFiles);
}

TEST_CASE("the loopback device is brought up in a network namespace that is new, and in no other",
          "[oci][plan]") {
  CompileOptions options;
  options.attach_dir = "/attach";
  oci::Spec spec = test::small_spec();
  const auto has_loopback = [&] {
    const Plan plan = compiled_with(spec, options);
    return test::position(plan, OpKind::kLinkUp) != plan.ops.size();
  };
  CHECK_FALSE(has_loopback());
  spec.linux_.namespaces.push_back({oci::NamespaceType::kNetwork, ""});
  CHECK(has_loopback());
  spec.linux_.namespaces.back().path = "/proc/1/ns/net";
  CHECK_FALSE(has_loopback());
}

TEST_CASE("hooks are read, checked by field, and written again", "[oci]") {
  const auto spec = oci::parse_spec(
      R"({"hooks":{"prestart":[{"path":"/a","args":["a","b"],"env":[],"timeout":3}],"poststop":[{"path":"/c"}]}})");
  REQUIRE(spec);
  REQUIRE(spec->hooks.prestart.size() == 1);
  CHECK(spec->hooks.prestart[0].args == std::vector<std::string>{"a", "b"});
  CHECK(spec->hooks.prestart[0].env->empty());
  CHECK(spec->hooks.prestart[0].timeout == 3);
  CHECK_FALSE(spec->hooks.poststop[0].env);
  const auto again = oci::parse_spec(to_text(oci::to_json(*spec)));
  REQUIRE(again);
  CHECK(oci::to_json(*again) == oci::to_json(*spec));
  CHECK_THAT(hook_refused({"relative", {}, {}, {}}), Catch::Contains("hooks.poststart.path"));
  CHECK_THAT(hook_refused({"/a", {}, {}, 0}), Catch::Contains("hooks.poststart.timeout"));
  CHECK_THAT(hook_refused({"/a", {std::string("a\0b", 3)}, {}, {}}), Catch::Contains("hooks.poststart.args"));
}

TEST_CASE("a container's cgroup is where its configuration says, or has its name", "[oci]") {
  oci::Spec spec;
  const auto path = [&](bool systemd) {
    const auto found = cli::cgroup_path(spec, "c1", systemd);
    return found ? *found : found.error().to_string();
  };
  CHECK(path(false) == "/c1");
  CHECK(path(true) == "/system.slice/berth-c1.scope");
  spec.linux_.cgroups_path = "/a/../b/c";
  CHECK(path(false) == "/b/c");
  CHECK_THAT(path(true), Catch::Contains("linux.cgroupsPath") && Catch::Contains("slice:prefix:name"));
  spec.linux_.cgroups_path = "relative/c";
  CHECK(path(false) == "/relative/c");
  spec.linux_.cgroups_path = "machine.slice:libpod:c1";
  CHECK(path(true) == "/machine.slice/libpod-c1.scope");
  CHECK_THAT(path(false), Catch::Contains("--systemd-cgroup"));
}

TEST_CASE("a mount label is given to new file systems of the container's own", "[oci][plan]") {
  oci::Spec spec = test::small_spec();
  spec.linux_.mount_label = "system_u:object_r:container_file_t:s0:c1,c2";
  spec.mounts.push_back({"/own", "tmpfs", "tmpfs", {"rootcontext=a:b:c"}});
  std::vector<std::string> labelled;
  for (const PlannedOp& op : compiled_with(spec, test::pod_options()).ops) {
    if (op.kind != OpKind::kMountNew) continue;
    const auto& data = std::get<std::vector<std::string>>(op.extra);
    if (std::find(data.begin(), data.end(), "context=" + spec.linux_.mount_label) != data.end())
      labelled.push_back(*op.target);
  }
  CHECK(labelled == std::vector<std::string>{"/dev", "/dev/pts"});
}

}  // namespace berth::runtime
