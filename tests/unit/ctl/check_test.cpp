// SPDX-License-Identifier: Apache-2.0

#include "ctl/check.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "tree.hpp"

namespace berth::ctl {
namespace {

constexpr uid_t kNobody = 65534;

/// Effective rights of nobody for a while; without root they are as few anyhow.
class AsNobody {
 public:
  AsNobody() : was_root_(::geteuid() == 0) {
    if (was_root_) REQUIRE(::seteuid(kNobody) == 0);
  }
  AsNobody(const AsNobody&) = delete;
  AsNobody& operator=(const AsNobody&) = delete;
  ~AsNobody() {
    if (was_root_) (void)!::seteuid(0);
  }

 private:
  bool was_root_;
};

void check_remedies(const std::vector<Finding>& findings) {
  REQUIRE_FALSE(findings.empty());
  for (const auto& finding : findings) {
    CAPTURE(finding.what);
    CHECK_FALSE(finding.what.empty());
    CHECK(finding.remedy.empty() == (finding.verdict == Verdict::kGood));
  }
}

const Finding* find(const std::vector<Finding>& findings, const std::string& text) {
  const auto found = std::ranges::find_if(
      findings, [&](const Finding& one) { return one.what.find(text) != std::string::npos; });
  return found == findings.end() ? nullptr : &*found;
}

}  // namespace

TEST_CASE("probes need no rights, and what is not good has a remedy", "[ctl][check]") {
  const AsNobody nobody;
  check_remedies(probe_kernel());
  check_remedies(probe_host({}));
  check_remedies(probe_network({}));
}

TEST_CASE("without root the host cannot run pods", "[ctl][check]") {
  const AsNobody nobody;
  const auto findings = probe_host({});
  const Finding* root = find(findings, "not root");
  REQUIRE(root != nullptr);
  CHECK(root->verdict == Verdict::kBad);
}

TEST_CASE("a helper program that is configured must be there", "[ctl][check]") {
  daemon::Config config;
  config.pid1_path = "/nowhere/berth-pid1";
  const auto findings = probe_host(config);
  const Finding* pid1 = find(findings, "/nowhere/berth-pid1");
  REQUIRE(pid1 != nullptr);
  CHECK(pid1->verdict == Verdict::kBad);
}

TEST_CASE("every plugin of the network is looked for, the one for addresses included", "[ctl][check]") {
  const testing::Tree tree{{"net.d/10-a.conflist", R"({"cniVersion": "1.0.0", "name": "a", "plugins": [
      {"type": "there", "ipam": {"type": "addresses"}}, {"type": "missing"}]})"},
                           {"bin/there", ""}};
  REQUIRE(::chmod(tree.path("bin/there").c_str(), 0755) == 0);
  daemon::Config config;
  config.cni_conf_dir = tree.path("net.d");
  config.cni_bin_dirs = {tree.path("bin")};
  const auto findings = probe_network(config);
  REQUIRE(find(findings, "plugin there") != nullptr);
  CHECK(find(findings, "plugin there")->verdict == Verdict::kGood);
  REQUIRE(find(findings, "plugin missing") != nullptr);
  CHECK(find(findings, "plugin missing")->verdict == Verdict::kBad);
  REQUIRE(find(findings, "plugin addresses") != nullptr);
  CHECK(find(findings, "plugin addresses")->verdict == Verdict::kBad);
}

TEST_CASE("a broken network configuration is named", "[ctl][check]") {
  const testing::Tree tree{{"10-bad.conflist", "{"}};
  daemon::Config config;
  config.cni_conf_dir = tree.root();
  const auto findings = probe_network(config);
  CHECK(find(findings, "10-bad.conflist") != nullptr);
  CHECK(find(findings, "no CNI configuration in " + tree.root()) != nullptr);
}

}  // namespace berth::ctl
