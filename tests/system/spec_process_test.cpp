// SPDX-License-Identifier: Apache-2.0
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <iostream>

#include "base/cat.hpp"
#include "catch_main.hpp"
#include "spec_bundle.hpp"

using namespace berth;
using berth::testing::Bundle;
using berth::testing::Outcome;

// The process's own fields, seen from inside.

TEST_CASE("a scheduling policy is the program's") {
  Bundle bundle;
  const auto batch = bundle.run("cut -d' ' -f19,41 /proc/self/stat",
                                R"({"process":{"scheduler":{"policy":"SCHED_BATCH","nice":7}}})");
  INFO(batch.error << batch.output);
  CHECK(batch.output == "7 3\n");
  const auto fifo = bundle.run("cut -d' ' -f40,41 /proc/self/stat",
                               R"({"process":{"scheduler":{"policy":"SCHED_FIFO","priority":5}}})");
  INFO(fifo.error << fifo.output);
  // A group of the cpu controller without a realtime budget refuses it, and that is told.
  const bool refused =
      fifo.error.find("set scheduling policy SCHED_FIFO: Operation not permitted") != std::string::npos;
  CHECK((refused || fifo.output == "5 1\n"));
}

TEST_CASE("an io priority is the program's") {
  Bundle bundle;
  const auto idle = bundle.run("/bin/busybox ionice -p $$",
                               R"({"process":{"ioPriority":{"class":"IOPRIO_CLASS_IDLE","priority":0}}})");
  INFO(idle.error << idle.output);
  CHECK(idle.output.find("idle") != std::string::npos);
  const auto effort = bundle.run("/bin/busybox ionice -p $$",
                                 R"({"process":{"ioPriority":{"class":"IOPRIO_CLASS_BE","priority":6}}})");
  CHECK(effort.output.find("best-effort: prio 6") != std::string::npos);
}

TEST_CASE("a personality is what uname sees") {
  Bundle bundle;
  const auto outcome = bundle.run("uname -m", R"({"linux":{"personality":{"domain":"LINUX32"}}})");
  INFO(outcome.error << outcome.output);
  CHECK(outcome.has_line("i686"));
}

TEST_CASE("a memory policy is the program's") {
  Bundle bundle;
  const auto outcome = bundle.run("head -n1 /proc/self/numa_maps",
                                  R"({"linux":{"memoryPolicy":{"mode":"MPOL_BIND","nodes":"0"}}})");
  INFO(outcome.error << outcome.output);
  if (outcome.output.empty()) {
    std::cout << "SKIP: the kernel shows no memory policies\n";
    return;
  }
  CHECK(outcome.output.find("bind:0") != std::string::npos);
  const auto absent = bundle.run("true", R"({"linux":{"memoryPolicy":{"mode":"MPOL_BIND","nodes":"63"}}})");
  CHECK(absent.error.find("set memory policy MPOL_BIND: Invalid argument") != std::string::npos);
}

TEST_CASE("a container runs on every CPU, whichever the shim was started on") {
  cpu_set_t before;
  REQUIRE(::sched_getaffinity(0, sizeof before, &before) == 0);
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(0, &one);
  REQUIRE(::sched_setaffinity(0, sizeof one, &one) == 0);
  Outcome outcome;
  {
    Bundle bundle;
    outcome = bundle.run("grep Cpus_allowed: /proc/self/status; nproc");
  }
  REQUIRE(::sched_setaffinity(0, sizeof before, &before) == 0);
  CHECK(outcome.has_line(std::to_string(CPU_COUNT(&before))));
}

TEST_CASE("host and domain names are set, and the umask is what was asked for") {
  Bundle bundle;
  const auto outcome =
      bundle.run("hostname; cat /proc/sys/kernel/domainname; umask; touch /tmp/made; stat -c %a /tmp/made",
                 R"({"domainname":"example.test","process":{"user":{"umask":63}}})");
  INFO(outcome.error << outcome.output);
  CHECK(outcome.has_line("spec-test"));
  CHECK(outcome.has_line("example.test"));
  CHECK(outcome.has_line("0077"));
  CHECK(outcome.has_line("600"));
  CHECK(bundle.run("umask").has_line("0022"));
}

TEST_CASE("limits are the program's, and what cannot be raised is refused by name") {
  Bundle bundle;
  const auto low = bundle.run("ulimit -n; ulimit -Hn",
                              R"({"process":{"rlimits":[{"type":"RLIMIT_NOFILE","soft":64,"hard":128}]}})");
  CHECK(low.output == "64\n128\n");
  rlimit own{};
  REQUIRE(::getrlimit(RLIMIT_MEMLOCK, &own) == 0);
  if (own.rlim_max == RLIM_INFINITY) {
    std::cout << "SKIP: there is no limit that could be raised\n";
    return;
  }
  const auto high =
      bundle.run("ulimit -Hl", cat(R"({"process":{"rlimits":[{"type":"RLIMIT_MEMLOCK","soft":4096,"hard":)",
                                   own.rlim_max + 4096, "}]}}"));
  INFO(high.error);
  const bool raised = high.has_line(std::to_string((own.rlim_max + 4096) / 1024));
  CHECK((raised || high.error.find("RLIMIT_MEMLOCK") != std::string::npos));
}

TEST_CASE("an oom score below this process's own is warned about where it may be out of reach") {
  Bundle bundle;
  const auto outcome = bundle.run("cat /proc/self/oom_score_adj", R"({"process":{"oomScoreAdj":-999}})");
  INFO(outcome.output);
  CHECK(outcome.error.empty());
  CHECK((outcome.has_line("-999") || !outcome.warnings.empty()));
  CHECK(bundle.run("cat /proc/self/oom_score_adj", R"({"process":{"oomScoreAdj":500}})").has_line("500"));
}

const char* berth::testing::prepare(int, char**) {
  return ::geteuid() != 0 ? "a shim cannot work without root" : nullptr;
}
