// SPDX-License-Identifier: Apache-2.0
#include "daemon/spec/resources.hpp"

#include <google/protobuf/util/message_differencer.h>
#include <catch2/catch.hpp>

#include "messages.hpp"

using namespace berth;
using namespace berth::daemon;
using namespace berth::daemon::testing;
using google::protobuf::util::MessageDifferencer;
using Limits = cri::LinuxContainerResources;

TEST_CASE("What the CRI leaves at 0 is absent, so that nothing is written") {
  const oci::Resources out = to_oci({});
  CHECK_FALSE(out.cpu_period);
  CHECK_FALSE(out.cpu_quota);
  CHECK_FALSE(out.cpu_shares);
  CHECK_FALSE(out.memory_limit);
  CHECK_FALSE(out.memory_swap);
  CHECK(out.cpuset_cpus.empty());
  CHECK(out.hugepages.empty());
  CHECK(out.unified.empty());
}

TEST_CASE("A memory limit without a swap limit means no swap; unlimited memory says nothing about swap") {
  auto out = to_oci(proto<Limits>("memory_limit_in_bytes: 1000"));
  CHECK(out.memory_limit == 1000);
  CHECK(out.memory_swap == 1000);
  out = to_oci(proto<Limits>("memory_limit_in_bytes: 1000 memory_swap_limit_in_bytes: -1"));
  CHECK(out.memory_swap == -1);
  out = to_oci(proto<Limits>("memory_limit_in_bytes: -1"));
  CHECK(out.memory_limit == -1);
  CHECK_FALSE(out.memory_swap);
}

TEST_CASE("Every limit finds its place, unlimited ones too") {
  const auto out = to_oci(
      proto<Limits>("cpu_period: 100000 cpu_quota: -1 cpu_shares: 2 cpuset_cpus: '0-1' cpuset_mems: '0' "
                    "hugepage_limits { page_size: '2MB' limit: 18446744073709551615 } unified { key: "
                    "'memory.high' value: '5' }"));
  CHECK(out.cpu_period == 100000U);
  CHECK(out.cpu_quota == -1);
  CHECK(out.cpu_shares == 2U);
  CHECK(out.cpuset_cpus == "0-1");
  CHECK(out.cpuset_mems == "0");
  REQUIRE(out.hugepages.size() == 1);
  CHECK(out.hugepages[0].page_size == "2MB");
  CHECK(out.hugepages[0].limit == UINT64_MAX);
  CHECK(out.unified.at("memory.high") == "5");
}

TEST_CASE("An update changes what it names and keeps the rest; huge pages are one list") {
  const auto current = proto<Limits>(
      "cpu_shares: 512 memory_limit_in_bytes: 1000 cpuset_cpus: '0' oom_score_adj: 5 "
      "hugepage_limits { page_size: '2MB' limit: 1 } unified { key: 'a.b' value: '1' } unified { key: 'c.d' "
      "value: '2' }");
  CHECK(MessageDifferencer::Equals(merge(current, {}), current));
  const auto merged = merge(
      current, proto<Limits>("cpu_quota: 7 cpuset_cpus: '1' hugepage_limits { page_size: '1GB' limit: 2 } "
                             "unified { key: 'c.d' value: '3' }"));
  const auto expected = proto<Limits>(
      "cpu_shares: 512 memory_limit_in_bytes: 1000 cpuset_cpus: '1' oom_score_adj: 5 cpu_quota: 7 "
      "hugepage_limits { page_size: '1GB' limit: 2 } unified { key: 'a.b' value: '1' } unified { key: 'c.d' "
      "value: '3' }");
  CHECK(MessageDifferencer::Equals(merged, expected));
}
