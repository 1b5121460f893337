// SPDX-License-Identifier: Apache-2.0
#include "runtime/apparmor.hpp"

#include <catch2/catch.hpp>

#include "plan_fixture.hpp"
#include "runtime/selinux.hpp"

namespace berth::runtime {
namespace {

using Catch::Contains;

ApparmorFeatures all_features() {
  return {.mount = true,
          .signal = true,
          .ptrace = true,
          .unix_sockets = true,
          .dbus = true,
          .message_queues = true,
          .user_namespaces = true,
          .io_uring = true};
}

TEST_CASE("the default profile has rules only for what the kernel mediates", "[runtime][apparmor]") {
  const std::string full = apparmor_default_text(all_features(), "unconfined");
  for (const char* rule : {"deny mount,", "deny remount,", "deny pivot_root,", "deny umount /proc/{,**},",
                           "signal (receive) peer=unconfined", "ptrace (trace", "unix,", "dbus,", "mqueue,",
                           "userns,", "io_uring,"}) {
    INFO(rule);
    const std::string line = std::string("\n  ") + rule;
    CHECK_THAT(full, Contains(line));
    CHECK_THAT(apparmor_default_text({}, "unconfined"), !Contains(line));
  }
  const std::string least = apparmor_default_text({}, "unconfined");
  CHECK_THAT(least, Contains("profile berth-default flags=(attach_disconnected, mediate_deleted) {"));
  CHECK_THAT(least, Contains("sysrq-trigger"));
  CHECK_THAT(least, Contains("abi <kernel>,"));
}

TEST_CASE("a parser from before ABI rules gets a profile without them", "[runtime][apparmor]") {
  const std::string text = apparmor_basic_text("unconfined");
  CHECK_THAT(text, !Contains("abi "));
  CHECK_THAT(text, !Contains("userns"));
  CHECK_THAT(text, Contains("deny mount,"));
  CHECK_THAT(text, Contains("deny /proc/* w,"));
}

TEST_CASE("a confined daemon may still signal its containers", "[runtime][apparmor]") {
  const std::string text = apparmor_default_text(all_features(), "berthd");
  CHECK_THAT(text, Contains("signal (receive) peer=berthd,"));
  CHECK_THAT(text, Contains("signal (receive) peer=unconfined,"));
  const std::string plain = apparmor_default_text(all_features(), "unconfined");
  CHECK(plain.find("peer=unconfined") == plain.rfind("peer=unconfined"));
}

TEST_CASE("a loaded profile is found by its whole name", "[runtime][apparmor]") {
  constexpr std::string_view kList =
      "berth-default (enforce)\n/usr/bin/man//filter (enforce)\nodd (name) (complain)\nlast (unconfined)";
  CHECK(apparmor_list_has(kList, "berth-default"));
  CHECK(apparmor_list_has(kList, "/usr/bin/man//filter"));
  CHECK(apparmor_list_has(kList, "odd (name)"));
  CHECK(apparmor_list_has(kList, "last"));
  for (const char* absent :
       {"berth", "berth-default ", "odd", "enforce", "filter", "\n", "berth-default (enforce)"}) {
    INFO(absent);
    CHECK_FALSE(apparmor_list_has(kList, absent));
  }
  CHECK_FALSE(apparmor_list_has("", "berth-default"));
}

TEST_CASE("a profile that no kernel has is refused with its name", "[runtime][apparmor]") {
  for (const std::string name : {"no-such-profile-of-berth", ""}) {
    const auto refused = check_apparmor_profile(name);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code() == Code::kInvalidArgument);
    CHECK_THAT(refused.error().to_string(),
               Contains("\"" + name + "\"") && (Contains("AppArmor is not enabled on this host") ||
                                                Contains("is not loaded on this host")));
  }
}

TEST_CASE("a label that no policy has is refused with its text", "[runtime][selinux]") {
  const auto refused = check_selinux_label("no such label");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == Code::kInvalidArgument);
  CHECK_THAT(refused.error().to_string(), Contains("no such label"));
}

TEST_CASE("a host says what becomes of containers", "[runtime][apparmor]") {
  CHECK(Apparmor{}.describe() == "not enabled");
  CHECK(Apparmor{true, ""}.describe() == "enabled, default profile berth-default");
  CHECK(Apparmor{true, "no parser"}.describe() == "enabled, without a default profile: no parser");
}

TEST_CASE("a plan that asks for an unknown profile is refused before anything is launched",
          "[runtime][apparmor][plan]") {
  oci::Process process = test::small_spec().process;
  process.apparmor_profile = "no-such-profile-of-berth";
  auto plan = compile_exec(process, {}, nullptr);
  REQUIRE(plan);
  const auto launch = materialise(std::move(**plan), {});
  REQUIRE_FALSE(launch);
  CHECK(launch.error().code() == Code::kInvalidArgument);
  CHECK_THAT(launch.error().to_string(), Contains("no-such-profile-of-berth"));
}

}  // namespace
}  // namespace berth::runtime
