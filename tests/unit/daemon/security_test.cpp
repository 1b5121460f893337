// SPDX-License-Identifier: Apache-2.0
#include "daemon/spec/security.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

#include "messages.hpp"
#include "runtime/capabilities.hpp"
#include "tree.hpp"

using namespace berth;
using namespace berth::daemon;
using namespace berth::daemon::testing;
using berth::testing::Tree;
using Security = cri::LinuxContainerSecurityContext;
using Names = std::vector<std::string>;

namespace {

Result<oci::Capabilities> make(const std::string& wish) {
  return container_capabilities(proto<Security>("capabilities { " + wish + " }"));
}

bool has(const Names& names, const std::string& name) {
  return std::count(names.begin(), names.end(), name) == 1;
}

/// A test may run with fewer capabilities than root; what cannot be handed on is left out.
bool available(const std::string& name) {
  return has(berth::runtime::capability_names(berth::runtime::own_bounding_set()), name);
}

constexpr const char* kProfile =
    R"({"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["read"],"action":"SCMP_ACT_ALLOW"}]})";

}  // namespace

TEST_CASE("A capability that does not exist is refused by list and by name") {
  CHECK(refusal(make("add_capabilities: 'SYS_MAGIC'")) ==
        "security_context.capabilities.add_capabilities \"SYS_MAGIC\" is not a capability");
  CHECK(refusal(make("drop_capabilities: 'CAP_'")) ==
        "security_context.capabilities.drop_capabilities \"CAP_\" is not a capability");
  CHECK(refusal(make("add_ambient_capabilities: ''")) ==
        "security_context.capabilities.add_ambient_capabilities \"\" is not a capability");
  for (const char* word : {"CAP_ALL", "CAP_CAP_CHOWN", "chown ", "CAP_63"}) {
    INFO(word);
    CHECK(has_code(make(std::string("add_capabilities: '") + word + "'"), Code::kInvalidArgument));
  }
}

TEST_CASE("Inheritable is empty and the other sets are equal, or images could pick capabilities up") {
  const auto sets = make("");
  REQUIRE(sets);
  CHECK(sets->inheritable.empty());
  CHECK(sets->ambient.empty());
  CHECK(sets->permitted == sets->bounding);
  CHECK(sets->effective == sets->bounding);
  CHECK_FALSE(has(sets->bounding, "CAP_SYS_ADMIN"));
  CHECK_FALSE(has(sets->bounding, "CAP_NET_ADMIN"));
  CHECK(has(sets->bounding, "CAP_CHOWN") == available("CAP_CHOWN"));
  CHECK(std::count(sets->bounding.begin(), sets->bounding.end(), "CAP_CHOWN") <= 1);
}

TEST_CASE("A capability has four spellings and is added once") {
  for (const char* word : {"NET_ADMIN", "net_admin", "CAP_NET_ADMIN", "cap_net_admin"}) {
    INFO(word);
    const auto sets = make(std::string("add_capabilities: ['") + word + "', 'CAP_NET_ADMIN']");
    REQUIRE(sets);
    CHECK(has(sets->bounding, "CAP_NET_ADMIN") == available("CAP_NET_ADMIN"));
    CHECK_FALSE(has(make(std::string("add_capabilities: 'ALL' drop_capabilities: '") + word + "'")->bounding,
                    "CAP_NET_ADMIN"));
  }
}

TEST_CASE(
    "ALL is everything that the daemon itself may hand on, and dropping ALL leaves just what was added by "
    "name") {
  const auto all = berth::runtime::capability_names(berth::runtime::own_bounding_set());
  const auto everything = make("add_capabilities: 'all'");
  REQUIRE(everything);
  CHECK(everything->bounding.size() == all.size());
  CHECK(make("drop_capabilities: 'ALL'")->bounding.empty());
  const auto one = make("drop_capabilities: 'ALL' add_capabilities: 'NET_BIND_SERVICE'");
  REQUIRE(one);
  CHECK(one->bounding == (available("CAP_NET_BIND_SERVICE") ? Names{"CAP_NET_BIND_SERVICE"} : Names{}));
  CHECK(make("drop_capabilities: 'ALL' add_capabilities: 'ALL'")->bounding.empty());
  CHECK(make("add_capabilities: 'NET_ADMIN' drop_capabilities: 'net_admin'")->bounding == make("")->bounding);
}

TEST_CASE("An ambient capability is in every set, or the kernel would not raise it") {
  const auto sets = make("drop_capabilities: 'ALL' add_ambient_capabilities: 'net_bind_service'");
  REQUIRE(sets);
  const Names expected = available("CAP_NET_BIND_SERVICE") ? Names{"CAP_NET_BIND_SERVICE"} : Names{};
  CHECK(sets->ambient == expected);
  CHECK(sets->inheritable == expected);
  CHECK(sets->permitted == expected);
  CHECK(sets->bounding == expected);
}

TEST_CASE("Ambient ALL is every capability that the container has, not a word without meaning") {
  const auto sets = make("add_ambient_capabilities: 'ALL'");
  REQUIRE(sets);
  CHECK(sets->ambient == sets->bounding);
  CHECK(sets->ambient.empty() == (berth::runtime::own_bounding_set() == 0));
}

TEST_CASE("A privileged container has what the daemon has, whatever the lists say") {
  const auto sets =
      container_capabilities(proto<Security>("privileged: true capabilities { drop_capabilities: 'ALL' }"));
  REQUIRE(sets);
  CHECK(sets->bounding == berth::runtime::capability_names(berth::runtime::own_bounding_set()));
  CHECK(sets->effective == sets->bounding);
}

TEST_CASE("A kind of seccomp profile that this version does not know is refused by its number") {
  const auto profile = container_seccomp(proto<Security>("seccomp { profile_type: 65 }"), {});
  REQUIRE_FALSE(profile);
  CHECK(profile.error().code() == Code::kInvalidArgument);
  CHECK_THAT(profile.error().to_string(), Catch::Contains("profile_type 65 is unknown"));
}

TEST_CASE("Without a word about seccomp there is no filter; the structured field wins over the string") {
  auto profile = container_seccomp(proto<Security>(""), {});
  REQUIRE(profile);
  CHECK_FALSE(*profile);
  profile = container_seccomp(
      proto<Security>("seccomp { profile_type: RuntimeDefault } seccomp_profile_path: 'unconfined'"), {});
  REQUIRE(profile);
  CHECK(*profile);
  profile = container_seccomp(
      proto<Security>("seccomp { profile_type: Unconfined } seccomp_profile_path: 'runtime/default'"), {});
  REQUIRE(profile);
  CHECK_FALSE(*profile);
  profile = container_seccomp(proto<Security>("seccomp_profile_path: 'runtime/default'"), {});
  REQUIRE(profile);
  CHECK(*profile);
}

TEST_CASE("A privileged container has no filter, even when one is asked for") {
  const auto profile = container_seccomp(
      proto<Security>("privileged: true seccomp { profile_type: Localhost localhost_ref: '/missing' }"), {});
  REQUIRE(profile);
  CHECK_FALSE(*profile);
}

TEST_CASE(
    "A profile of the host is read; one that is missing, relative, huge or no profile is refused by name") {
  Tree tree{{"good.json", kProfile},
            {"bad.json", "{\"defaultAction\": 5}"},
            {"torn.json", "{\"defaultAc"},
            {"dir/", ""}};
  auto ask = [](const std::string& path) {
    return container_seccomp(
        proto<Security>("seccomp { profile_type: Localhost localhost_ref: '" + path + "' }"), {});
  };
  const auto good = ask(tree.path("good.json"));
  REQUIRE(good);
  REQUIRE(*good);
  CHECK((*good)->default_action == "SCMP_ACT_ERRNO");
  const auto legacy = container_seccomp(
      proto<Security>("seccomp_profile_path: 'localhost/" + tree.path("good.json") + "'"), {});
  REQUIRE(legacy);
  CHECK(*legacy);
  for (const std::string& path : {tree.path("missing.json"), tree.path("bad.json"), tree.path("torn.json"),
                                  tree.path("dir"), std::string("good.json"), std::string()}) {
    INFO(path);
    const auto refused = ask(path);
    CHECK(has_code(refused, Code::kInvalidArgument));
    CHECK(refusal(refused).find("seccomp profile \"" + path + "\"") != std::string::npos);
  }
  CHECK(has_code(container_seccomp(proto<Security>("seccomp_profile_path: 'docker/strict'"), {}),
                 Code::kInvalidArgument));
  auto unknown = proto<Security>("seccomp {}");
  unknown.mutable_seccomp()->set_profile_type(static_cast<cri::SecurityProfile::ProfileType>(9));
  CHECK(has_code(container_seccomp(unknown, {}), Code::kInvalidArgument));
}

std::string profile_of(const std::string& text, const berth::runtime::Apparmor& host) {
  const auto profile = container_apparmor(proto<Security>(text), host);
  return profile ? *profile : profile.error().to_string();
}

TEST_CASE("Where AppArmor is enabled a container gets the default profile unless it asks for another") {
  const berth::runtime::Apparmor host{true, ""};
  CHECK(profile_of("", host) == "berth-default");
  CHECK(profile_of("apparmor { profile_type: RuntimeDefault }", host) == "berth-default");
  CHECK(profile_of("apparmor_profile: 'runtime/default'", host) == "berth-default");
  CHECK(profile_of("apparmor { profile_type: Unconfined } apparmor_profile: 'localhost/p'", host).empty());
  CHECK(profile_of("apparmor_profile: 'unconfined'", host).empty());
  CHECK(profile_of("apparmor { profile_type: Localhost localhost_ref: 'p' }", host) == "p");
  CHECK(profile_of("apparmor { profile_type: Localhost localhost_ref: 'localhost/p' }", host) == "p");
  CHECK(profile_of("apparmor_profile: 'localhost/a/b'", host) == "a/b");
  CHECK(profile_of("privileged: true", host).empty());
  CHECK(profile_of("privileged: true apparmor_profile: 'localhost/p'", host) == "p");
}

TEST_CASE("AppArmor wishes that name nothing are refused") {
  const berth::runtime::Apparmor host{true, ""};
  for (const char* text : {"apparmor { profile_type: Localhost }", "apparmor_profile: 'localhost/'",
                           "apparmor_profile: 'docker/default'",
                           "apparmor { profile_type: Localhost localhost_ref: 'localhost/' }"}) {
    INFO(text);
    CHECK(has_code(container_apparmor(proto<Security>(text), host), Code::kInvalidArgument));
  }
  auto unknown = proto<Security>("apparmor {}");
  unknown.mutable_apparmor()->set_profile_type(static_cast<cri::SecurityProfile::ProfileType>(9));
  CHECK(has_code(container_apparmor(unknown, host), Code::kInvalidArgument));
}

TEST_CASE("An AppArmor profile that the host cannot apply is refused; one that asks for nothing is not") {
  const berth::runtime::Apparmor none;
  CHECK(has_code(container_apparmor(proto<Security>("apparmor_profile: 'localhost/p'"), none),
                 Code::kInvalidArgument));
  CHECK(
      has_code(container_apparmor(proto<Security>("privileged: true apparmor_profile: 'localhost/p'"), none),
               Code::kInvalidArgument));
  CHECK(profile_of("", none).empty());
  CHECK(profile_of("apparmor_profile: 'runtime/default'", none).empty());
  const berth::runtime::Apparmor broken{true, "apparmor_parser is not installed"};
  CHECK(profile_of("", broken).empty());
  CHECK_THAT(profile_of("apparmor { profile_type: RuntimeDefault }", broken),
             Catch::Contains("apparmor_parser is not installed"));
  CHECK(profile_of("apparmor_profile: 'localhost/p'", broken) == "p");
}

TEST_CASE("SELinux options are refused only where they would mean something") {
  const auto options = proto<Security>("selinux_options { type: 'container_t' }");
  CHECK(has_code(check_selinux(options, true), Code::kUnimplemented));
  CHECK(check_selinux(options, false));
  CHECK(check_selinux(proto<Security>("selinux_options {}"), true));
}
