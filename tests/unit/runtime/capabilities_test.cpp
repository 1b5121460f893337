// SPDX-License-Identifier: Apache-2.0
#include <linux/capability.h>

#include <catch2/catch.hpp>

#include "runtime/capabilities.hpp"

namespace berth::runtime {
namespace {

constexpr std::uint64_t bit(unsigned number) {
  return std::uint64_t{1} << number;
}

TEST_CASE("capability names are only the specification's spelling", "[runtime][capabilities]") {
  CHECK(capability_number("CAP_CHOWN") == 0U);
  CHECK(capability_number("CAP_SYS_ADMIN") == 21U);
  for (const char* name : {"", "CAP_", "CHOWN", "cap_chown", "Cap_Chown", "CAP_CHOWN ", "CAP_CHOWN,CAP_KILL",
                           "CAP_21", "21", "all", "CAP_EVERYTHING"}) {
    INFO(name);
    CHECK_FALSE(capability_number(name));
  }
  CHECK_FALSE(capability_number(std::string_view("CAP_CHOWN\0X", 11)));
}

TEST_CASE("every capability of the kernel's headers has a name that leads back to it",
          "[runtime][capabilities]") {
  for (unsigned number = 0; number <= CAP_LAST_CAP; ++number) {
    INFO(capability_name(number));
    CHECK((capability_number(capability_name(number)) == number ||
           capability_name(number) == "CAP_" + std::to_string(number)));
  }
  CHECK(capability_name(63) == "CAP_63");
  CHECK(capability_names(bit(0) | bit(5)) == std::vector<std::string>{"CAP_CHOWN", "CAP_KILL"});
}

TEST_CASE("unknown names are reported once and leave the rest as it is", "[runtime][capabilities]") {
  std::vector<std::string> unknown;
  CHECK(capability_mask({"CAP_KILL", "CAP_NEW", "CAP_NEW"}, unknown) == bit(CAP_KILL));
  CHECK(unknown == std::vector<std::string>{"CAP_NEW"});
}

TEST_CASE("nothing becomes inheritable except what is ambient, whatever was asked for",
          "[runtime][capabilities]") {
  oci::Capabilities sets;
  sets.bounding = sets.permitted = sets.inheritable = {"CAP_CHOWN", "CAP_KILL"};
  std::vector<std::string> unknown;
  CHECK(capability_masks(sets, unknown).inheritable == 0);
  sets.ambient = {"CAP_KILL", "CAP_SYS_ADMIN"};
  const CapabilityMasks masks = capability_masks(sets, unknown);
  CHECK(masks.ambient == bit(CAP_KILL));
  CHECK(masks.inheritable == bit(CAP_KILL));
}

TEST_CASE("no capability is effective that is not permitted", "[runtime][capabilities]") {
  oci::Capabilities sets;
  sets.effective = {"CAP_CHOWN", "CAP_KILL"};
  sets.permitted = {"CAP_KILL"};
  std::vector<std::string> unknown;
  CHECK(capability_masks(sets, unknown).effective == bit(CAP_KILL));
}

TEST_CASE("a request is cut to what the host can give, and what fell out is told",
          "[runtime][capabilities]") {
  oci::Capabilities sets;
  sets.bounding = {"CAP_CHOWN", "CAP_SYS_RESOURCE", "CAP_NEW"};
  sets.permitted = {"CAP_SYS_RESOURCE"};
  CHECK(clamp_capabilities(sets, bit(CAP_CHOWN)) == std::vector<std::string>{"CAP_NEW", "CAP_SYS_RESOURCE"});
  CHECK(sets.bounding == std::vector<std::string>{"CAP_CHOWN"});
  CHECK(sets.permitted.empty());
}

}  // namespace
}  // namespace berth::runtime
