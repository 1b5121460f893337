// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "cgroup_fixture.hpp"
#include "runtime/cgroup/stats.hpp"

using namespace berth;
using namespace berth::runtime::cgroup;
using berth::testing::open_fake_host;
using berth::testing::Tree;

TEST_CASE("numbers that are none stay absent", "[cgroup]") {
  CHECK_FALSE(parse_number(""));
  CHECK_FALSE(parse_number("max\n"));
  CHECK_FALSE(parse_number("-1"));
  CHECK_FALSE(parse_number("99999999999999999999999"));
  CHECK(parse_number("12\n") == 12U);
  CHECK_FALSE(limit_or_unlimited(9223372036854771712ULL));
  CHECK(limit_or_unlimited(1ULL << 40U) == 1ULL << 40U);
}

TEST_CASE("a key is found as a whole word, and its first value counts", "[cgroup]") {
  CHECK_FALSE(find_key("", "anon"));
  CHECK_FALSE(find_key("anon_thp 4\nxanon 3\nanon\n", "anon"));
  CHECK(find_key("a 1\nanon 7\nanon 8", "anon") == 7U);
}

TEST_CASE("v1 counters are those of the whole subtree", "[cgroup]") {
  const Tree tree{{"cpuacct/a/cpuacct.usage", "123456789\n"},
                  {"memory/a/memory.usage_in_bytes", "1000000\n"},
                  {"memory/a/memory.limit_in_bytes", "9223372036854771712\n"},
                  {"memory/a/memory.stat",
                   "inactive_file 1\nrss 2\ntotal_rss 300000\ntotal_inactive_file 400000\ntotal_pgfault "
                   "5\ntotal_pgmajfault 6\ntotal_swap 7\n"},
                  {"pids/a/pids.current", "3\n"}};
  const auto stats = open_fake_host(tree, {"cpuacct", "memory", "pids"})->stats("/a");
  REQUIRE(stats);
  CHECK(stats->cpu_usage_ns == 123456789);
  CHECK(stats->memory_usage == 1000000U);
  CHECK(stats->memory_working_set == 600000U);
  CHECK(stats->memory_rss == 300000U);
  CHECK_FALSE(stats->memory_limit);
  CHECK(stats->page_faults == 5U);
  CHECK(stats->major_page_faults == 6U);
  CHECK(stats->swap_usage == 7U);
  CHECK(stats->pids == 3U);
}

TEST_CASE("v2 counters come in other units under other names", "[cgroup]") {
  const Tree tree{{"unified/cgroup.controllers", "cpu memory pids"},
                  {"unified/a/cpu.stat", "usage_usec 77\nuser_usec 5\n"},
                  {"unified/a/memory.current", "100\n"},
                  {"unified/a/memory.max", "4096\n"},
                  {"unified/a/memory.stat", "anon 60\nfile 40\ninactive_file 300\npgfault 1\npgmajfault 2\n"},
                  {"unified/a/memory.swap.current", "9\n"},
                  {"unified/a/pids.current", "1\n"}};
  const auto stats = open_fake_host(tree, {""})->stats("/a");
  REQUIRE(stats);
  CHECK(stats->cpu_usage_ns == 77000);
  CHECK(stats->memory_working_set == 0U);  // the two files are read one after the other
  CHECK(stats->memory_rss == 60U);
  CHECK(stats->memory_limit == 4096U);
  CHECK(stats->swap_usage == 9U);
}

TEST_CASE("counters of a group that is not there are not found", "[cgroup]") {
  const Tree tree{{"memory/", ""}};
  const auto stats = open_fake_host(tree, {"memory"})->stats("/a");
  REQUIRE_FALSE(stats);
  CHECK(stats.error().code() == Code::kNotFound);
}
